import { z } from 'zod';
import { sessionRoles } from './roles.ts';

/**
 * Rights of a session: a `viewer` reads; an `operator` also changes pods, devices, the guard and access rules, and
 * traces packets; an `admin` also chooses the code that runs in the kernel, edits maps and makes dumps.
 */
export const roleSchema = z.enum(sessionRoles);

/** The caller of the API as the agent identifies it. */
export const sessionSchema = z.object({
  actor: z.string().describe('Name of the caller in events and journals'),
  role: roleSchema,
});
export type Session = z.infer<typeof sessionSchema>;

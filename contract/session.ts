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

/** A session of a browser at the gateway. */
export const browserSessionSchema = sessionSchema.extend({
  id: z.string(),
  browser: z.string().describe('The browser as it describes itself (User-Agent)'),
  own: z.boolean().describe('True for the session that asks'),
  openedAt: z.iso.datetime(),
  lastUsedAt: z.iso.datetime(),
  expiresAt: z.iso.datetime().describe('Moves on with use, up to a week after `openedAt`'),
});
export type BrowserSessionInfo = z.infer<typeof browserSessionSchema>;

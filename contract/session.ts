import { z } from 'zod';
import { roles } from './roles.ts';

/**
 * What somebody may do: a `viewer` reads; an `operator` also changes pods, devices, the guard and access rules,
 * and traces; an `admin` also decides which code runs in the kernel, edits maps and takes dumps.
 */
export const role = z.enum(roles);

/** Who asks, as the agent believes it. */
export const session = z.object({
  actor: z.string().describe('as events and journals name them'),
  role,
});
export type Session = z.infer<typeof session>;

import { z } from 'zod';

/**
 * What somebody may do: a `viewer` reads; an `operator` also changes pods, devices, the guard and access rules,
 * and traces; an `admin` also decides which code runs in the kernel, edits maps and takes dumps.
 */
export const role = z.enum(['viewer', 'operator', 'admin']);
export type Role = z.infer<typeof role>;

/** Whether `has` may do what asks for `needed`: each role may do what those before it may. */
export const mayAct = (has: Role, needed: Role): boolean =>
  role.options.indexOf(has) >= role.options.indexOf(needed);

/** Who asks, as the agent believes it. */
export const session = z.object({
  actor: z.string().describe('as events and journals name them'),
  role,
});
export type Session = z.infer<typeof session>;

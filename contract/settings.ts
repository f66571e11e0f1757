import { z } from 'zod';

/** What an operator chose for the whole node; kept over restarts. */
export const nodeSettings = z.strictObject({
  redirect: z
    .boolean()
    .describe('packets between pods of this node are handed from device to device, past the host’s stack'),
});
export type NodeSettings = z.infer<typeof nodeSettings>;

/** Where the programs of a netkit device are to be: on its own hooks, or on its primary (attach fallback). */
export const hookPlace = z.strictObject({ to: z.enum(['device', 'primary']) });
export type HookPlace = z.infer<typeof hookPlace>;

import { z } from 'zod';
import { dropReasons } from './counter-table.ts';
import { directionSchema } from './direction.ts';

/** Number of packets that Podlane's programs dropped for a reason in a direction. */
export const programDropsSchema = z.object({
  reason: z.enum(dropReasons),
  direction: directionSchema,
  packets: z.number().int(),
});
export type ProgramDrops = z.infer<typeof programDropsSchema>;

/**
 * Number of packets that the kernel dropped for a reason at the pod's device, in its network namespace or at its
 * sockets.
 */
export const kernelDropsSchema = z.object({
  reason: z
    .string()
    .describe(
      'enum skb_drop_reason without prefix, e.g. NO_SOCKET; reasons of subsystems by number, e.g. OPENVSWITCH_2',
    ),
  number: z.number().int().describe('value in the running kernel, which differs between kernels'),
  packets: z.number().int(),
  lastSeen: z.iso.datetime(),
});
export type KernelDrops = z.infer<typeof kernelDropsSchema>;

/** Dropped packets of a pod by reason, over all its devices. Reasons without drops are omitted. */
export const podDropsSchema = z.object({
  since: z.iso.datetime().describe('when the pod was attached, from which `ours` counts'),
  ours: z.array(programDropsSchema),
  kernel: z.object({
    available: z.boolean(),
    since: z.iso.datetime().nullable().describe('when counting started; null if not available'),
    detail: z
      .string()
      .describe('how drops are counted; if not available, what was tried and what the kernel returned'),
    hint: z.string().nullable().describe('how to make it available'),
    lost: z.number().int().describe('drops on the node that were not counted, of any pod'),
    reasons: z
      .array(kernelDropsSchema)
      .describe(
        'most frequent first; includes drops by Podlane’s programs, mostly as TC_INGRESS or TC_EGRESS',
      ),
  }),
});
export type PodDrops = z.infer<typeof podDropsSchema>;

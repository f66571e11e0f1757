import { z } from 'zod';
import { dropReasons } from './counters.ts';
import { direction } from './direction.ts';

/** Packets that Podlane's programs dropped for a reason. */
export const ownDrops = z.object({ reason: z.enum(dropReasons), direction, packets: z.number().int() });
export type OwnDrops = z.infer<typeof ownDrops>;

/** Packets that the kernel dropped for a reason, at the pod's device, in its namespace or at its sockets. */
export const kernelDrops = z.object({
  reason: z
    .string()
    .describe(
      'enum skb_drop_reason without its prefix, e.g. NO_SOCKET; a subsystem’s by its number, e.g. OPENVSWITCH_2',
    ),
  number: z.number().int().describe('of the running kernel: another may number its reasons otherwise'),
  packets: z.number().int(),
  lastSeen: z.iso.datetime(),
});
export type KernelDrops = z.infer<typeof kernelDrops>;

/** A pod's dropped packets by reason, of any of the devices it has had; reasons that never occurred are left out. */
export const podDrops = z.object({
  since: z.iso.datetime().describe('when the pod was attached: `ours` counts from then'),
  ours: z.array(ownDrops),
  kernel: z.object({
    available: z.boolean(),
    since: z.iso
      .datetime()
      .nullable()
      .describe('when counting began, with the pod or with the agent; null where it is not available'),
    detail: z.string().describe('how it is counted; for a no, what was tried and what the kernel answered'),
    hint: z.string().nullable().describe('for a no: what would make it a yes'),
    lost: z.number().int().describe('drops on the node that could not be counted, whichever pod’s they were'),
    reasons: z
      .array(kernelDrops)
      .describe(
        'the most frequent first; what our programs drop the kernel counts too, mostly as TC_INGRESS or TC_EGRESS',
      ),
  }),
});
export type PodDrops = z.infer<typeof podDrops>;

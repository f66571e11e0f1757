import { z } from 'zod';
import { attachedProgram, deviceEnd, deviceKind, hook, policy } from './device.ts';

/** `out` leaves the pod, `in` enters it. */
export const direction = z.enum(['out', 'in']);

/** A hook on the way and what runs there. `end` says on which end of the device it stands. */
export const gate = z.object({
  hook,
  direction,
  end: z.enum(['primary', 'peer']),
  programs: z.array(attachedProgram),
});
export type Gate = z.infer<typeof gate>;

export const pathHop = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('container'),
    name: z.string(),
    netns: z.string(),
    interface: z.string(),
    addresses: z.array(z.string()),
    ifindex: z.number().int(),
    mtu: z.number().int(),
    route: z.string().nullable().describe('the pod’s default route, as `ip route` prints it'),
    neighbour: z.string().nullable().describe('the gateway’s entry, as `ip neigh` prints it'),
  }),
  z.object({
    type: z.literal('device'),
    kind: deviceKind,
    mode: z.enum(['l2', 'l3']).nullable(),
    slot: z.number().int(),
    policy: z.object({ primary: policy, peer: policy }).nullable(),
    primary: deviceEnd,
    peer: deviceEnd,
    gates: z.array(gate).describe('in the order a leaving packet meets them'),
  }),
  z.object({
    type: z.literal('host'),
    route: z.string().nullable().describe('the host’s route to the pod'),
    neighbour: z.string().nullable(),
    defaultRoute: z.string().nullable(),
    forwarding: z.boolean(),
    rpFilter: z.number().int(),
  }),
  z.object({
    type: z.literal('pods'),
    pods: z.array(z.object({ id: z.string(), namespace: z.string(), name: z.string(), kind: deviceKind })),
  }),
  z.object({
    type: z.literal('uplink'),
    name: z.string(),
    ifindex: z.number().int(),
    mtu: z.number().int(),
    addresses: z.array(z.string()),
    rx: z.object({ packets: z.number(), bytes: z.number(), dropped: z.number() }),
    tx: z.object({ packets: z.number(), bytes: z.number(), dropped: z.number() }),
  }),
]);
export type PathHop = z.infer<typeof pathHop>;

/** The way of a leaving packet, container first. Host with no uplink has no `uplink` hop. */
export const podPath = z.object({ pod: z.string(), hops: z.array(pathHop) });
export type PodPath = z.infer<typeof podPath>;

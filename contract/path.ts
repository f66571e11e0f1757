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
    routes: z.array(z.string()).describe('the pod’s default routes, as `ip route` prints them'),
    neighbours: z.array(z.string()).describe('the gateways’ entries, as `ip neigh` prints them'),
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
    routes: z.array(z.string()).describe('the host’s routes to the pod'),
    neighbours: z.array(z.string()),
    defaultRoutes: z.array(z.string()),
    forwarding: z.boolean().describe('of all families that the pod has addresses of'),
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

/** Which way packets really took, from counters. */
export const wayTaken = z.object({
  seconds: z.number().describe('the interval that was counted'),
  redirected: z.number().describe('packets handed straight to another pod of the node'),
  toHost: z.number().describe('packets given to the host’s stack'),
  dropped: z.number().describe('packets that our programs dropped'),
});
export type WayTaken = z.infer<typeof wayTaken>;

/** The way of a leaving packet, container first. Host with no uplink has no `uplink` hop. */
export const podPath = z.object({
  pod: z.string(),
  hops: z.array(pathHop),
  redirect: z.boolean().describe('whether the short way between pods of this node is switched on'),
  taken: wayTaken.nullable().describe('by what left the pod lately; null before two samples'),
});
export type PodPath = z.infer<typeof podPath>;

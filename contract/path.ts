import { z } from 'zod';
import {
  attachedProgramSchema,
  deviceEndSchema,
  deviceKindSchema,
  hookSchema,
  netkitPolicySchema,
} from './device.ts';
import { directionSchema } from './direction.ts';

/**
 * A hook of the pod's device with its programs in execution order. `end` is the end of the device at which the hook is.
 */
export const pathHookSchema = z.object({
  hook: hookSchema,
  direction: directionSchema,
  end: z.enum(['primary', 'peer']),
  programs: z.array(attachedProgramSchema),
});
export type PathHook = z.infer<typeof pathHookSchema>;

export const pathHopSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('container'),
    name: z.string(),
    netns: z.string(),
    interface: z.string(),
    addresses: z.array(z.string()),
    ifindex: z.number().int(),
    mtu: z.number().int(),
    routes: z.array(z.string()).describe('Default routes of the pod, as `ip route` prints them'),
    neighbors: z.array(z.string()).describe('Neighbor entries of the gateways, as `ip neigh` prints them'),
  }),
  z.object({
    type: z.literal('device'),
    kind: deviceKindSchema,
    mode: z.enum(['l2', 'l3']).nullable(),
    slot: z.number().int(),
    policy: z.object({ primary: netkitPolicySchema, peer: netkitPolicySchema }).nullable(),
    primary: deviceEndSchema,
    peer: deviceEndSchema,
    hooks: z.array(pathHookSchema).describe('In the order that an egress packet passes them'),
  }),
  z.object({
    type: z.literal('host'),
    routes: z.array(z.string()).describe('Routes of the host to the pod'),
    neighbors: z.array(z.string()),
    defaultRoutes: z.array(z.string()),
    forwarding: z.boolean().describe('True if forwarding is on for every address family of the pod'),
    rpFilter: z.number().int(),
  }),
  z.object({
    type: z.literal('pods'),
    pods: z.array(
      z.object({ id: z.string(), namespace: z.string(), name: z.string(), kind: deviceKindSchema }),
    ),
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
export type PathHop = z.infer<typeof pathHopSchema>;

/** Numbers of the pod's egress packets by path over an interval. */
export const pathTrafficSchema = z.object({
  seconds: z.number().describe('Length of the interval in seconds'),
  redirected: z.number().describe('Packets redirected to another pod of the node'),
  hostRouted: z.number().describe('Packets passed to the host’s network stack'),
  dropped: z.number().describe('Packets dropped by Podlane’s programs'),
});
export type PathTraffic = z.infer<typeof pathTrafficSchema>;

/**
 * Path of an egress packet from the container to the uplink. Without a default route of the host there is no `uplink`
 * hop.
 */
export const podPathSchema = z.object({
  pod: z.string(),
  hops: z.array(pathHopSchema),
  redirect: z.boolean().describe('True if same-node redirect is on'),
  traffic: pathTrafficSchema.nullable().describe('Between the last two samples; null before the second'),
});
export type PodPath = z.infer<typeof podPathSchema>;

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

/** A program or action of others that may translate addresses, unknown to the kernel's conntrack. */
export const pathTranslatorSchema = z.object({
  interface: z.string().describe('Primary of the pod, or the bridge that it is a port of'),
  hook: hookSchema,
  what: z.enum(['program', 'action']).describe('A BPF program, or an action of a traffic control filter'),
  name: z.string().describe('Name of the program; nat, pedit, ct or bpf'),
  redirected: z
    .enum(['before', 'bypassed', 'passed'])
    .describe(
      'before: packets pass it before Podlane’s program, which sees what it leaves; bypassed: redirected packets do not pass it; passed: packets that others redirect to the pod pass it, too',
    ),
});
export type PathTranslator = z.infer<typeof pathTranslatorSchema>;

/** A service of the cluster that connections of the pod lead to at the moment, by the kernel's conntrack. */
export const pathServiceSchema = z.object({
  namespace: z.string(),
  name: z.string(),
  address: z.string().describe('Address that the pod sends to'),
  port: z.number().int().nullable(),
  protocol: z.string(),
  connections: z.number().int(),
  backends: z
    .array(
      z.object({
        address: z.string(),
        port: z.number().int().nullable(),
        pod: z.string().nullable().describe('`namespace/name`; null if the cluster does not know it'),
        connections: z.number().int(),
      }),
    )
    .describe('Where the host’s NAT leads them, most connections first, up to 10'),
});
export type PathService = z.infer<typeof pathServiceSchema>;

/**
 * Path of an egress packet from the container to the uplink. Without a default route of the host there is no `uplink`
 * hop.
 */
export const podPathSchema = z.object({
  pod: z.string(),
  hops: z.array(pathHopSchema),
  redirect: z.boolean().describe('True if packets that the pod sends to pods of the node are redirected'),
  redirectSetting: z.enum(['pod', 'node']).describe('Whose setting that is: the pod’s own, or the node’s'),
  translators: z
    .array(pathTranslatorSchema)
    .describe('What may translate addresses without the redirect knowing, in the order that packets pass it'),
  services: z
    .array(pathServiceSchema)
    .describe('Services that the pod has connections to, most connections first, up to 20'),
  traffic: pathTrafficSchema.nullable().describe('Between the last two samples; null before the second'),
});
export type PodPath = z.infer<typeof podPathSchema>;

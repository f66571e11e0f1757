import { z } from 'zod';
import { device, deviceKind, hookFamily } from './device.ts';
import { checkNetwork, podNetwork } from './network.ts';

/** Packets a pod's traffic counted itself; null where nobody counts. */
export const requests = z.object({ ok: z.number().int(), failed: z.number().int() });

export const podState = z.enum(['running', 'migrating', 'gone']);

/** A row of the table. `id` is opaque; `namespace.name` finds a pod too. */
export const podSummary = z.object({
  id: z.string(),
  number: z.number().int().describe('names the pod in binary sample frames'),
  namespace: z.string(),
  name: z.string(),
  labels: z.record(z.string(), z.string()),
  addresses: z.array(z.string()).describe('CIDR, e.g. 10.42.0.33/32'),
  kind: deviceKind,
  hooks: hookFamily,
  slot: z.number().int(),
  primary: z.object({ name: z.string(), ifindex: z.number().int() }),
  state: podState,
  createdAt: z.iso.datetime(),
  kindSince: z.iso.datetime(),
  migration: z.string().nullable().describe('id of the migration that runs now'),
  attention: z.array(z.string()).describe('sentences; empty when all is well'),
});
export type PodSummary = z.infer<typeof podSummary>;

export const route = z.object({
  destination: z.string(),
  gateway: z.string().nullable(),
  device: z.string().nullable(),
  text: z.string().describe('as `ip route` prints it'),
});
export type Route = z.infer<typeof route>;

export const neighbour = z.object({
  address: z.string(),
  mac: z.string().nullable(),
  state: z.string(),
  device: z.string(),
});
export type Neighbour = z.infer<typeof neighbour>;

export const pod = podSummary.extend({
  netns: z.object({ path: z.string(), inode: z.number() }),
  network: podNetwork.describe(
    'as it was asked for; routes, neighbours and device are as the kernel has them',
  ),
  gateways: z.array(z.string()).describe('next hop of the default route of each of the pod’s families'),
  device: device.nullable().describe('null when the kernel no longer has it'),
  routes: z.object({ pod: z.array(route), host: z.array(route) }),
  neighbours: z.object({ pod: z.array(neighbour), host: z.array(neighbour) }),
});
export type Pod = z.infer<typeof pod>;

const name = z
  .string()
  .min(1)
  .max(253)
  .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, 'lower case letters, digits, - and . (RFC 1123)');
const namespace = z
  .string()
  .min(1)
  .max(63)
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'lower case letters, digits and - (RFC 1123 label)');

/** Gives a network namespace its device and makes it a pod of this node. */
export const newPod = z
  .strictObject({
    namespace,
    name,
    netns: z.string().min(1).max(4096).describe('path of the network namespace, e.g. /run/netns/cart'),
    kind: deviceKind.optional().describe('default: netkit where the kernel has it, else veth'),
    ...podNetwork.shape,
    labels: z.record(z.string().max(317), z.string().max(63)).default({}),
  })
  .superRefine(checkNetwork);
export type NewPod = z.infer<typeof newPod>;
/** `newPod` before its defaults. */
export type NewPodInput = z.input<typeof newPod>;

/** What the lab's own traffic counted, since it started, by pod id. */
export const trafficReport = z.strictObject({
  pods: z.record(z.string(), requests),
});
export type TrafficReport = z.infer<typeof trafficReport>;

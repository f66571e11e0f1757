import { z } from 'zod';
import { device, deviceKind, hookFamily } from './device.ts';
import { checkNetwork, podNetwork } from './network.ts';

/** Requests of a pod's test traffic since it started. */
export const requests = z.object({ ok: z.number().int(), failed: z.number().int() });

/** `gone`: the pod's network namespace no longer exists. */
export const podState = z.enum(['running', 'migrating', 'gone']);

/** A pod as lists and the stream report it. `id` is opaque; the API also accepts `namespace.name`. */
export const podSummary = z.object({
  id: z.string(),
  number: z.number().int().describe('Identifies the pod in binary sample frames; never reused'),
  namespace: z.string(),
  name: z.string(),
  labels: z.record(z.string(), z.string()),
  addresses: z.array(z.string()).describe('CIDRs, e.g. 10.42.0.33/32'),
  kind: deviceKind.describe('Kind of the current device'),
  hooks: hookFamily.describe('Hooks that Podlane’s programs are attached to'),
  slot: z.number().int(),
  primary: z.object({ name: z.string(), ifindex: z.number().int() }),
  state: podState,
  createdAt: z.iso.datetime(),
  kindSince: z.iso.datetime().describe('Time of the last change of kind'),
  migration: z.string().nullable().describe('Id of the running migration'),
  attention: z
    .array(z.string())
    .describe('Conditions that need attention, a sentence each; empty for a healthy pod'),
});
export type PodSummary = z.infer<typeof podSummary>;

/** A route of the kernel. */
export const route = z.object({
  destination: z.string(),
  gateway: z.string().nullable(),
  device: z.string().nullable(),
  text: z.string().describe('The route as `ip route` prints it'),
});
export type Route = z.infer<typeof route>;

/** A neighbor entry of the kernel (ARP or NDP). */
export const neighbor = z.object({
  address: z.string(),
  mac: z.string().nullable(),
  state: z.string(),
  device: z.string(),
});
export type Neighbor = z.infer<typeof neighbor>;

/** A pod with its device and network state. */
export const pod = podSummary.extend({
  netns: z.object({ path: z.string(), inode: z.number() }),
  network: podNetwork.describe(
    'Network configuration as requested; routes, neighbors and device are read from the kernel',
  ),
  gateways: z.array(z.string()).describe('Next hop of the pod’s default route, one for each address family'),
  device: device.nullable().describe('Null if the kernel no longer has it'),
  routes: z.object({ pod: z.array(route), host: z.array(route) }),
  neighbors: z.object({ pod: z.array(neighbor), host: z.array(neighbor) }),
});
export type Pod = z.infer<typeof pod>;

const name = z
  .string()
  .min(1)
  .max(253)
  .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, 'must be lowercase letters, digits, - and . (RFC 1123)');
const namespace = z
  .string()
  .min(1)
  .max(63)
  .regex(/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/, 'must be lowercase letters, digits and - (RFC 1123 label)');

/** A request to attach a pod: its network namespace receives a device. */
export const newPod = z
  .strictObject({
    namespace,
    name,
    netns: z.string().min(1).max(4096).describe('Path of the network namespace, e.g. /run/netns/cart'),
    kind: deviceKind.optional().describe('Default: netkit where the kernel has it, else veth'),
    ...podNetwork.shape,
    labels: z.record(z.string().max(317), z.string().max(63)).default({}),
  })
  .superRefine(checkNetwork);
export type NewPod = z.infer<typeof newPod>;
/** `newPod` before defaults are applied. */
export type NewPodInput = z.input<typeof newPod>;

/** Requests of the lab's traffic since it started, by pod id. */
export const trafficReport = z.strictObject({
  pods: z.record(z.string(), requests),
});
export type TrafficReport = z.infer<typeof trafficReport>;

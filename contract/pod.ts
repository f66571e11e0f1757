import { z } from 'zod';
import { adoptionSchema, adoptionSummarySchema } from './adoption.ts';
import { conditionSchema } from './condition.ts';
import { podContainerSchema } from './container.ts';
import { deviceKindSchema, deviceSchema, hookFamilySchema } from './device.ts';
import { podNameSchema, podNamespaceSchema } from './pod-name.ts';
import { checkPodNetwork, podNetworkSchema } from './pod-network.ts';
import { maxPodPorts, podPortSchema } from './pod-port.ts';

/** Numbers of requests of a pod's test traffic since it started. */
export const requestCountsSchema = z.object({ ok: z.number().int(), failed: z.number().int() });

/** State of a pod; `gone` means that its network namespace no longer exists. */
export const podStateSchema = z.enum(['running', 'migrating', 'gone']);

/** Summary of a pod, as in lists and in the stream. `id` is opaque; the API also accepts `namespace.name`. */
export const podSummarySchema = z.object({
  id: z.string(),
  number: z.number().int().describe('Identifies the pod in binary sample frames; never reused'),
  namespace: z.string(),
  name: z.string(),
  labels: z.record(z.string(), z.string()),
  addresses: z.array(z.string()).describe('CIDRs, e.g. 10.42.0.33/32'),
  kind: deviceKindSchema.describe('Kind of the current device'),
  hooks: hookFamilySchema.describe('Hooks that Podlane’s programs are attached to'),
  slot: z.number().int(),
  adoption: adoptionSummarySchema.nullable().describe('Null for a pod that Podlane attached'),
  primary: z.object({ name: z.string(), ifindex: z.number().int() }),
  state: podStateSchema,
  createdAt: z.iso.datetime(),
  kindSince: z.iso.datetime().describe('Time of the last change of kind'),
  migration: z.string().nullable().describe('Id of the running migration'),
  attention: z
    .array(z.string())
    .describe('Conditions that need attention, a sentence each; empty for a healthy pod'),
});
export type PodSummary = z.infer<typeof podSummarySchema>;

/** A route in the kernel's routing table. */
export const routeEntrySchema = z.object({
  destination: z.string(),
  gateway: z.string().nullable(),
  device: z.string().nullable(),
  text: z.string().describe('The route as `ip route` prints it'),
});
export type RouteEntry = z.infer<typeof routeEntrySchema>;

/** An entry of the kernel's neighbor table (ARP or NDP). */
export const neighborEntrySchema = z.object({
  address: z.string(),
  mac: z.string().nullable(),
  state: z.string(),
  device: z.string(),
});
export type NeighborEntry = z.infer<typeof neighborEntrySchema>;

const labels = z.record(z.string().max(317), z.string().max(63));
/** Annotations of a pod; Kubernetes has up to 256 KiB of them, of which those below are kept. */
const annotations = z.record(z.string().max(317), z.string().max(4096));
const ports = z.array(podPortSchema).max(maxPodPorts);

/** A pod with the state of its device and network. */
export const podSchema = podSummarySchema.extend({
  annotations,
  ports: ports.describe('Ports that rules can name'),
  kubernetes: z
    .object({ uid: z.string() })
    .nullable()
    .describe('The pod in the cluster, which sets labels, annotations and ports; null: not known there'),
  conditions: z.array(conditionSchema).describe('The sentences of `attention` with reason and remedy'),
  container: podContainerSchema.nullable().describe('Null for a pod that was attached through the API'),
  adoption: adoptionSchema.nullable().describe('What its release gives back'),
  netns: z.object({ path: z.string(), inode: z.number() }),
  network: podNetworkSchema.describe(
    'Network configuration as requested; routes, neighbors and device are read from the kernel',
  ),
  gateways: z.array(z.string()).describe('Next hop of the pod’s default route, one for each address family'),
  device: deviceSchema.nullable().describe('Null if the kernel no longer has it'),
  routes: z.object({ pod: z.array(routeEntrySchema), host: z.array(routeEntrySchema) }),
  neighbors: z.object({ pod: z.array(neighborEntrySchema), host: z.array(neighborEntrySchema) }),
});
export type Pod = z.infer<typeof podSchema>;

/** Request to attach a pod, which creates a device in its network namespace. */
export const newPodSchema = z
  .strictObject({
    namespace: podNamespaceSchema,
    name: podNameSchema,
    netns: z.string().min(1).max(4096).describe('Path of the network namespace, e.g. /run/netns/cart'),
    kind: deviceKindSchema.optional().describe('Default: netkit where the kernel has it, else veth'),
    ...podNetworkSchema.shape,
    labels: labels.default({}),
    annotations: annotations.optional(),
    ports: ports.optional().describe('Ports that rules can name'),
    uid: z
      .string()
      .max(253)
      .optional()
      .describe('Id of the pod in the cluster; labels, annotations and ports are then those of the cluster'),
  })
  .superRefine(checkPodNetwork);
export type NewPod = z.infer<typeof newPodSchema>;
/** A pod request as the client sends it, before defaults are filled in. */
export type NewPodInput = z.input<typeof newPodSchema>;

/** Change of what a pod is called by; what is missing stays. Labels, annotations and ports are replaced as a whole. */
export const podChangeSchema = z
  .strictObject({ labels, annotations, ports })
  .partial()
  .refine((change) => Object.keys(change).length > 0, 'changes nothing');
export type PodChange = z.infer<typeof podChangeSchema>;

/** Labels of a namespace, which selectors of namespaces read. */
export const namespaceSchema = z.object({
  name: z.string(),
  labels,
  source: z.enum(['kubernetes', 'api']).describe('Who set the labels'),
});
export const namespaceChangeSchema = z.strictObject({ labels });
export const namespaceNameSchema = podNamespaceSchema;

/** Numbers of requests of the lab's traffic since it started, by pod id. */
export const trafficReportSchema = z.strictObject({
  pods: z.record(z.string(), requestCountsSchema),
});
export type TrafficReport = z.infer<typeof trafficReportSchema>;

import { z } from 'zod';
import { attachedProgramSchema, deviceEndSchema, netkitPolicySchema, netkitScrubSchema } from './device.ts';
import { podDropsSchema } from './drops.ts';
import { createPageSchema } from './pagination.ts';
import { neighborEntrySchema, routeEntrySchema } from './pod.ts';

/** Tells the id of an observed pod from those of Podlane's own pods and their names, which have a dot. */
export const isObservedPodId = (id: string): boolean => /^(ns-\d+|host-[^.]+)$/.test(id);

/** How pods that others made are observed, as the agent is configured (`--observe`). */
export const observeModeSchema = z
  .enum(['programs', 'statistics', 'off'])
  .describe(
    'programs: counted by a BPF program at the host end; statistics: nothing is attached, and the kernel’s statistics of interfaces are read; off: others’ pods are not looked for',
  );
export type ObserveMode = z.infer<typeof observeModeSchema>;

/** Kinds of interfaces that connect a namespace to another one. */
export const observedKindSchema = z.enum(['veth', 'netkit', 'macvlan', 'macvtap', 'ipvlan', 'ipvtap']);
export type ObservedKind = z.infer<typeof observedKindSchema>;

export const countedBySchema = z.enum(['programs', 'statistics']);
export type CountedBy = z.infer<typeof countedBySchema>;

/** Sources of a pod's name, in the order in which they are believed. */
export const identitySourceSchema = z
  .enum(['cri', 'docker', 'podman', 'cni', 'netns', 'cgroup', 'process', 'inode'])
  .describe(
    'cri, docker, podman: the runtime’s socket; cni: the cache of CNI results; netns: a name of `ip netns`; cgroup: the id in the name of its control group; process: the command of its first process; inode: nothing names it',
  );
export type IdentitySource = z.infer<typeof identitySourceSchema>;

/** Packets and bytes of an observed pod. */
export const observedCountersSchema = z.object({
  ingressPackets: z.number().int(),
  ingressBytes: z.number().int().describe('Without Ethernet headers'),
  egressPackets: z.number().int(),
  egressBytes: z.number().int().describe('Without Ethernet headers'),
});
export type ObservedCountersTotal = z.infer<typeof observedCountersSchema>;

/** The runtime that made a pod, as its socket or its files say. */
export const observedRuntimeSchema = z.object({
  name: z.string().describe('containerd, cri-o, docker, podman, or what the runtime calls itself'),
  socket: z.string().nullable().describe('Null where only files or control groups tell of it'),
  connected: z
    .boolean()
    .describe('False while the runtime does not answer: names and labels are those that it gave last'),
});

/** Summary of a pod that others made: a network namespace with interfaces that lead out of it. */
export const observedPodSummarySchema = z.object({
  id: z
    .string()
    .describe('`ns-` and the inode of its network namespace, or `host-` and an id of the runtime'),
  number: z.number().int().describe('Identifies the pod in binary sample frames of observed pods'),
  inode: z.number().int().describe('Inode of the network namespace, as in `net:[4026532201]`'),
  namespace: z.string().nullable().describe('Namespace of Kubernetes'),
  name: z.string(),
  identifiedBy: identitySourceSchema,
  runtime: observedRuntimeSchema.nullable(),
  hostNetwork: z
    .boolean()
    .describe('True for a pod in the node’s own network namespace: it has no interfaces'),
  kind: observedKindSchema.nullable().describe('Kind of its first interface; null for a host-network pod'),
  interfaceCount: z.number().int(),
  addresses: z.array(z.string()).describe('CIDRs of all interfaces, without link-local ones'),
  hostEnd: z
    .object({ name: z.string(), ifindex: z.number().int(), bridge: z.string().nullable() })
    .nullable()
    .describe('Other end of its first interface, where that is in the node’s namespace'),
  labels: z.record(z.string(), z.string()),
  image: z.string().nullable(),
  processes: z.number().int().describe('Processes of the namespace; a sandbox may have none'),
  countedBy: countedBySchema
    .nullable()
    .describe('`statistics` if any of its interfaces is; null if nothing is counted'),
  since: z.iso.datetime().describe('Time when the agent found it'),
});
export type ObservedPodSummary = z.infer<typeof observedPodSummarySchema>;

export const observedPodPageSchema = createPageSchema(observedPodSummarySchema).extend({
  observe: observeModeSchema,
});
export type ObservedPodPage = z.infer<typeof observedPodPageSchema>;

/** A queue of another interface that a netkit device uses as its own. */
export const leasedQueueSchema = z.object({
  queue: z.number().int(),
  type: z.enum(['rx', 'tx']).nullable(),
  of: z.object({ interface: z.string(), queue: z.number().int() }).describe('Queue of the node’s interface'),
});

/** An interface of an observed pod that leads out of its namespace. */
export const observedInterfaceSchema = z.object({
  name: z.string(),
  ifindex: z.number().int(),
  kind: observedKindSchema,
  mode: z.string().nullable().describe('netkit: l2 or l3; macvlan and ipvlan: as `ip -d link` shows it'),
  mtu: z.number().int().describe('Bytes'),
  mac: z.string().nullable(),
  up: z.boolean().describe('Administratively up and with carrier'),
  addresses: z.array(z.string()),
  hostEnd: deviceEndSchema
    .extend({ bridge: z.object({ name: z.string(), ifindex: z.number().int() }).nullable() })
    .nullable(),
  parent: z
    .object({ name: z.string(), ifindex: z.number().int() })
    .nullable()
    .describe('Interface of the node that a macvlan or ipvlan is on'),
  elsewhere: z
    .string()
    .nullable()
    .describe(
      'Why the node has no other end of it: `single` netkit device, or it leads to another namespace',
    ),
  netkit: z
    .object({
      pairing: z.enum(['pair', 'single']),
      policy: netkitPolicySchema.nullable().describe('Of the pod’s end'),
      hostPolicy: netkitPolicySchema.nullable(),
      scrub: netkitScrubSchema.nullable(),
      leasedQueues: z.array(leasedQueueSchema).describe('Empty on kernels without queue leasing'),
    })
    .nullable(),
  countedBy: countedBySchema,
  countedByReason: z.string().nullable().describe('Why no program counts although `programs` was asked for'),
  countedSince: z.iso
    .datetime()
    .nullable()
    .describe('When the program was attached; null for statistics, which count since the interface exists'),
  counters: observedCountersSchema.nullable(),
  programs: z
    .array(attachedProgramSchema)
    .describe('Programs on the hooks of its host end in the order in which packets pass them'),
  statistics: z
    .object({
      received: z.object({ packets: z.number(), bytes: z.number(), dropped: z.number(), errors: z.number() }),
      sent: z.object({ packets: z.number(), bytes: z.number(), dropped: z.number(), errors: z.number() }),
    })
    .nullable()
    .describe('What the kernel has counted at the pod’s end since the interface exists'),
});
export type ObservedInterface = z.infer<typeof observedInterfaceSchema>;

export const observedContainerSchema = z.object({
  id: z.string(),
  name: z.string(),
  image: z.string().nullable(),
  state: z.string(),
});
export type ObservedContainer = z.infer<typeof observedContainerSchema>;

/** A port of the node that leads to an observed pod, as a runtime or a NAT rule has it. */
export const publishedPortSchema = z.object({
  protocol: z.string(),
  hostAddress: z.string().nullable().describe('Null for every address of the node'),
  hostPort: z.number().int(),
  podAddress: z.string().nullable(),
  podPort: z.number().int(),
});
export type PublishedPort = z.infer<typeof publishedPortSchema>;

/** An observed pod with its interfaces, routes and all that is known of who it is. */
export const observedPodSchema = observedPodSummarySchema.extend({
  netns: z.object({
    path: z.string().nullable().describe('A path at which the namespace can be opened now'),
    mounts: z.array(z.string()).describe('Paths at which it is mounted'),
    namespaceId: z.number().int().nullable().describe('Its id in the node’s namespace (`link-netnsid`)'),
  }),
  uid: z.string().nullable().describe('Uid of the pod in Kubernetes'),
  annotations: z.record(z.string(), z.string()),
  containers: z.array(observedContainerSchema),
  controlGroups: z.array(z.string()).describe('Control groups of its processes'),
  publishedPorts: z.array(publishedPortSchema).describe('As the runtime or the CNI cache has them'),
  members: z
    .array(z.object({ pid: z.number().int(), command: z.string() }))
    .describe('Its processes, at most 32'),
  interfaces: z.array(observedInterfaceSchema),
  counters: observedCountersSchema.nullable().describe('Of all interfaces, since the agent found them'),
  drops: podDropsSchema.shape.kernel.describe(
    'What the kernel dropped in its namespace since the agent found it',
  ),
  routes: z.array(routeEntrySchema),
  neighbors: z.array(neighborEntrySchema),
  sameAddress: z
    .array(z.object({ id: z.string(), address: z.string() }))
    .describe('Other observed pods with one of its addresses'),
});
export type ObservedPod = z.infer<typeof observedPodSchema>;

/** A container runtime whose socket or files the agent looks at. */
export const runtimeSchema = z.object({
  kind: z.enum(['cri', 'docker', 'podman', 'cni']),
  name: z.string().describe('What the runtime calls itself'),
  version: z.string().nullable(),
  path: z.string().describe('Its socket, or the folder of the CNI cache'),
  state: z
    .enum(['connected', 'unreachable', 'absent'])
    .describe('unreachable: it does not answer; absent: there is no such socket or folder'),
  detail: z.string().nullable().describe('Why it is unreachable, or what it answered that cannot be read'),
  since: z.iso.datetime().describe('Time of the last change of its state'),
  pods: z.number().int().describe('Observed pods that it named'),
});
export type Runtime = z.infer<typeof runtimeSchema>;

export const runtimeListSchema = z.object({ observe: observeModeSchema, items: z.array(runtimeSchema) });
export type RuntimeList = z.infer<typeof runtimeListSchema>;

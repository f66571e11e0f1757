import { z } from 'zod';

const count = z.int().min(0);
const time = z.iso.datetime().nullable();

/** Kinds of objects that the agent watches in the cluster. */
export const clusterResourceSchema = z.enum([
  'node pods',
  'all pods',
  'namespaces',
  'services',
  'endpoint slices',
  'network policies',
]);
export type ClusterResource = z.infer<typeof clusterResourceSchema>;

/** State of the watch of one kind of objects. */
export const clusterWatchSchema = z.object({
  resource: clusterResourceSchema,
  state: z
    .enum(['off', 'starting', 'live', 'stale'])
    .describe(
      'off: nothing needs it; starting: never read so far; live; stale: read once, and not watched at the moment',
    ),
  objects: count,
  lastSync: time.describe('When all objects were read last'),
  lastEvent: time.describe('When the API server sent something last'),
  restarts: count.describe('Times that the watch was lost and begun again'),
  error: z.string().nullable().describe('Why it is not live'),
});
export type ClusterWatch = z.infer<typeof clusterWatchSchema>;

/** A NetworkPolicy of the cluster that isolates pods of this node. */
export const clusterPolicyStateSchema = z.object({
  namespace: z.string(),
  name: z.string(),
  state: z
    .enum(['applied', 'refused', 'waiting'])
    .describe('refused: what was applied of it before still is; waiting: pods that it names are being read'),
  reason: z.string().nullable().describe('Why it is refused'),
  rules: count.describe('Rules that it stands for'),
});
export type ClusterPolicyState = z.infer<typeof clusterPolicyStateSchema>;

/** Most policies that a response lists. */
export const maxListedPolicies = 500;

/** The agent's connection to the API server of a cluster, and what it knows from it. */
export const kubernetesStatusSchema = z.object({
  configured: z.boolean().describe('False unless the agent was started with --kubernetes'),
  server: z.string().nullable(),
  node: z.string().nullable().describe('Name of the node in the cluster'),
  state: z
    .enum(['off', 'connecting', 'connected', 'disconnected'])
    .describe('disconnected: what is known is of `since`; rules and names stay as they were then'),
  since: time.describe('When this state began'),
  error: z.string().nullable().describe('What the API server answered, or why it was not reached'),
  watches: z.array(clusterWatchSchema),
  policies: z.object({
    applied: count,
    refused: count,
    waiting: count,
    items: z.array(clusterPolicyStateSchema).describe(`up to ${maxListedPolicies}, refused ones first`),
  }),
  statusWrites: z
    .object({
      state: z.enum(['on', 'forbidden']),
      error: z.string().nullable(),
    })
    .describe('Whether the state of policies is written to them as an annotation, and as events'),
});
export type KubernetesStatus = z.infer<typeof kubernetesStatusSchema>;

/** The object of the cluster that has an address. */
export const clusterAddressOwnerSchema = z.object({
  kind: z.enum(['service', 'pod']).describe('pod: one of another node, or not attached by Podlane'),
  namespace: z.string(),
  name: z.string(),
});
export type ClusterAddressOwner = z.infer<typeof clusterAddressOwnerSchema>;

/** Formats the owner of an address, e.g. `service default/web`. */
export const formatAddressOwner = ({ kind, namespace, name }: ClusterAddressOwner): string =>
  `${kind} ${namespace}/${name}`;

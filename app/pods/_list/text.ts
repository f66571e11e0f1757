import type { ObservedPodSummary } from '../../../contract/observed-pod.ts';
import { formatCount } from '../../_lib/format.ts';

/** Interface texts of the pod list. */
export const podListText = {
  title: 'Pods',
  table: 'Pods',
  kind: 'kind',
  pod: 'pod',
  namespace: 'namespace',
  address: 'address',
  packetsPerSecond: 'packets/s',
  bitsPerSecond: 'bit/s',
  ingress: 'in',
  egress: 'out',
  dropsPerSecond: 'drops/s',
  requests: 'requests',
  succeeded: 'ok',
  failed: 'failed',
  sparkline: 'pps in, last 60 s',
  attention: 'attention',
  noRequestCounts: 'no test traffic that counts requests',
  selectAll: 'Select all shown',

  filter: 'Filter pods',
  filterPlaceholder: 'Name, address, ifindex, slot',
  needsAttention: 'Attention',
  shows: { own: 'Podlane’s own', observed: 'observed', all: 'all' },
  showGroup: 'Whose pods',
  observedMark: 'observed',
  hostNetwork: 'host network',
  noMatch: 'No pod matches',
  clearFilter: 'Clear filter',
  didYouMean: 'Did you mean',

  summary: 'Node summary',
  podsByKind: 'pods by kind',
  packets: 'packets',
  ppsIn: 'pps in',
  ppsOut: 'pps out',
  bits: 'bits, in + out',
  drops: 'drops by Podlane',
  softirq: 'softirq',

  netnsGone: 'network namespace is gone',

  selection: 'Selection',
  clear: 'Clear',
  fallBack: 'Fall back to veth…',
  promote: 'Promote to netkit…',
  preflight: 'Preflight',

  keys: 'move, Enter opens, x selects, a selects all, / filters',

  noPods: 'No pods on this node',
  noObserved: 'No pods of others on this node',
  noObservedDetail:
    'A network namespace that a container runtime, or anybody, connects with the node by a veth, netkit, macvlan or ipvlan device is listed within a second. With --observe off the agent looks for none.',
  noPodsDetail: 'Podlane lists a pod as soon as it has a device. To try it without a cluster, run the lab:',
  addPodDetail: 'To add a network namespace of your own as a pod:',
  command: 'the command',
} as const;

export const formatPodCount = (pods: number): string => (pods === 1 ? '1 pod' : `${formatCount(pods)} pods`);
export const formatSelectPodLabel = (pod: string): string => `Select ${pod}`;
export const formatNoMatchingPodsTitle = (text: string): string =>
  text === '' ? podListText.noMatch : `${podListText.noMatch} “${text}”`;
export const formatPodsOnNode = (pods: number): string => `${formatPodCount(pods)} on this node.`;
export const formatPodsByKindLabel = (pods: number): string => `${formatPodCount(pods)} by kind`;
export const formatSoftirqLabel = (cores: number): string => `${podListText.softirq}, ${cores} cores`;
export const formatSelectedPods = (pods: number): string => `${formatPodCount(pods)} selected`;
export const formatSelectMoreLabel = (pods: number): string => `Select ${formatCount(pods)} more shown`;
export const formatShownPods = (shown: number, all: number): string =>
  `${formatCount(shown)} of ${formatPodCount(all)}`;
export const formatSampleNumber = (sequence: number): string => `· sample ${formatCount(sequence)}`;
export const formatReadDuration = (duration: string): string => `· read in ${duration}`;
export const formatSkippedSamples = (samples: number): string => `· ${formatCount(samples)} skipped`;
export const formatMigratingState = (kind: string, step: string): string => `to ${kind}, ${step}`;

/** Formats the runtime that made an observed pod; empty if none is known. */
export const formatRuntimeState = (runtime: ObservedPodSummary['runtime']): string =>
  runtime === null ? '' : runtime.connected ? runtime.name : `${runtime.name} does not answer`;

/** Formats the device of an observed pod: `veth on docker0`. */
export function formatObservedDevice({
  hostNetwork,
  kind,
  hostEnd,
}: Pick<ObservedPodSummary, 'hostNetwork' | 'kind' | 'hostEnd'>): string {
  if (hostNetwork) return podListText.hostNetwork;
  const place = hostEnd === null ? '' : ` on ${hostEnd.bridge ?? hostEnd.name}`;
  return `${kind ?? ''}${place}`;
}

/** Command that adds a network namespace as a pod. */
export const addPodCommand = `curl --unix-socket /run/podlane/agent.sock http://localhost/api/v1/pods \\
  -H 'content-type: application/json' \\
  -d '{"namespace":"default","name":"web","netns":"/run/netns/web","addresses":["10.42.0.10/32"]}'`;

import type {
  ObservedInterface,
  ObservedPod,
  ObservedPodSummary,
  PublishedPort,
} from '../../../../contract/observed-pod.ts';
import { formatCount } from '../../../_lib/format.ts';

/** Interface texts of the page of an observed pod. */
export const observedText = {
  title: 'Observed pod',
  mark: 'observed',
  markDetail: 'Made by others. Podlane counts its packets and changes nothing of it.',
  hostNetworkDetail: 'It has no network of its own: it uses the node’s, and is not counted.',
  notFound: 'No such observed pod',
  allPods: 'Observed pods of this node',
  reading: 'Reading the pod',
  gone: 'Its network namespace has ended. The values shown are the last ones read.',

  namespace: 'namespace',
  address: 'addresses',
  runtime: 'runtime',
  image: 'image',
  processes: 'processes',
  since: 'found',
  countedBy: 'counted by',

  live: 'Live rates',
  packetsIn: 'packets in',
  packetsOut: 'packets out',
  bitsIn: 'bits in',
  bitsOut: 'bits out',
  total: (count: string) => `${count} in all`,
  notCounted: 'Nothing is counted: the pod is in the node’s network namespace.',

  interfaces: 'Interfaces',
  noInterfaces: 'It has no interfaces of its own.',
  name: 'interface',
  kind: 'kind',
  end: 'on the node',
  addresses: 'addresses',
  counting: 'counted by',
  received: 'received',
  sent: 'sent',
  dropped: 'dropped by the kernel',
  programs: 'programs on its hooks',
  noPrograms: 'none',
  statistics: 'kernel statistics since the interface exists',

  path: 'Path',
  choosePath: 'Interface',
  readingPath: 'Reading the path',
  noPath: 'A host-network pod sends and receives as the node does.',
  container: 'pod',
  bridge: 'bridge',
  host: 'node',
  nat: 'address translation',
  uplink: 'uplink',
  noTranslation: 'No rule of the node translates its addresses.',
  published: 'published',
  routes: 'routes',
  noRoutes: 'no route',
  neighbors: 'neighbors',
  ports: 'ports',
  forwardingOff: 'The node does not forward packets.',
  unread: 'not evaluated',

  identity: 'Identity',
  identifiedBy: 'named by',
  uid: 'uid',
  labels: 'labels',
  annotations: 'annotations',
  containers: 'containers',
  controlGroups: 'control groups',
  publishedPorts: 'published ports',
  netns: 'namespace path',
  inode: 'namespace inode',
  sameAddress: 'same address as',
  none: 'none',
  unknown: 'unknown',

  drops: 'Drops by the kernel',
  noDrops: 'The kernel has dropped no packet in its namespace since the agent found it.',
  reason: 'reason',
  packets: 'packets',

  routing: 'Routes and neighbors',
} as const;

const sourceNames: Record<ObservedPod['identifiedBy'], string> = {
  cri: 'the runtime, by CRI',
  docker: 'Docker',
  podman: 'Podman',
  cni: 'the cache of CNI results',
  netns: 'ip netns',
  cgroup: 'its control group',
  process: 'its first process',
  inode: 'nothing: its inode stands for it',
};

export const formatIdentitySource = (source: ObservedPod['identifiedBy']): string => sourceNames[source];

export const formatRuntime = ({ runtime }: Pick<ObservedPodSummary, 'runtime'>): string | null =>
  runtime === null
    ? null
    : runtime.connected
      ? runtime.name
      : `${runtime.name}, which does not answer: names and labels are the last it gave`;

/** Formats how a pod or interface is counted: `statistics: a macvlan has no end of its own on the node`. */
export const formatCounting = ({
  countedBy,
  countedByReason,
}: Pick<ObservedInterface, 'countedBy' | 'countedByReason'>): string =>
  countedByReason === null ? countedBy : `${countedBy}: ${countedByReason}`;

export function formatInterfaceKind({
  kind,
  mode,
  netkit,
}: Pick<ObservedInterface, 'kind' | 'mode' | 'netkit'>): string {
  const parts = [
    kind,
    mode?.toUpperCase(),
    netkit?.pairing === 'single' ? 'single' : undefined,
    netkit && netkit.leasedQueues.length > 0 ? `${netkit.leasedQueues.length} leased queues` : undefined,
  ];
  return parts.filter((part) => part !== undefined).join(' ');
}

/** Formats where an interface leads on the node: its host end and bridge, its parent, or why there is neither. */
export function formatNodeEnd({
  hostEnd,
  parent,
  elsewhere,
}: Pick<ObservedInterface, 'hostEnd' | 'parent' | 'elsewhere'>): string {
  if (hostEnd !== null)
    return hostEnd.bridge === null ? hostEnd.name : `${hostEnd.name} on ${hostEnd.bridge.name}`;
  return parent === null ? (elsewhere ?? '') : `on ${parent.name}`;
}

export const formatPort = ({ protocol, hostAddress, hostPort, podPort }: PublishedPort): string =>
  `${hostAddress === null ? '' : `${hostAddress} `}${hostPort}/${protocol} to ${podPort}`;

export const formatPackets = (packets: number): string => `${formatCount(packets)} packets`;

import type { ObservedPodSummary } from '../../contract/observed-pod.ts';
import type { ObservedPod } from './observed-pod.ts';
import type { NamedPod } from './runtimes/container-runtimes.ts';

/** Digits of a runtime's id in the id of a host-network pod. */
const idDigits = 12;

export const hostNetworkPodId = (runtimeId: string): string => `host-${runtimeId.slice(0, idDigits)}`;

export function summarizeObservedPod(pod: ObservedPod): ObservedPodSummary {
  const { identity, interfaces } = pod;
  const first = interfaces[0];
  const hostEnd = first?.hostEnd ?? null;
  return {
    id: pod.id,
    number: pod.number,
    inode: pod.inode,
    namespace: identity.namespace,
    name: identity.name,
    identifiedBy: identity.identifiedBy,
    runtime: identity.runtime,
    hostNetwork: false,
    kind: first?.kind ?? null,
    interfaceCount: interfaces.length,
    addresses: interfaces.flatMap(({ addresses }) => addresses),
    hostEnd: hostEnd && {
      name: hostEnd.name,
      ifindex: hostEnd.ifindex,
      bridge: hostEnd.bridge?.name ?? null,
    },
    labels: { ...identity.labels },
    image: identity.image,
    processes: pod.processes,
    countedBy: interfaces.some(({ counting }) => counting.by === 'statistics') ? 'statistics' : 'programs',
    since: pod.since.toISOString(),
  };
}

/** Describes a pod that has no network of its own, by what its runtime says. */
export const summarizeHostNetworkPod = (
  { source, pod }: NamedPod,
  known: { number: number; inode: number; since: Date },
): ObservedPodSummary => ({
  id: hostNetworkPodId(pod.id),
  number: known.number,
  inode: known.inode,
  namespace: pod.namespace,
  name: pod.name,
  identifiedBy: source.client.kind,
  runtime: { name: source.name, socket: source.client.path, connected: source.connected },
  hostNetwork: true,
  kind: null,
  interfaceCount: 0,
  addresses: [],
  hostEnd: null,
  labels: { ...pod.labels },
  image: pod.image,
  processes: 0,
  countedBy: null,
  since: known.since.toISOString(),
});

import type { IdentitySource, ObservedContainer, PublishedPort } from '../../contract/observed-pod.ts';
import { parseControlGroup } from '../kernel/control-groups.ts';
import { namedNetnsDirectory } from '../kernel/netns.ts';
import type { NamedPod } from './runtimes/container-runtimes.ts';

/** Who an observed pod is, as far as it is known. */
export interface PodIdentity {
  name: string;
  namespace: string | null;
  identifiedBy: IdentitySource;
  /** Runtime that made the pod; `socket` null where only files or control groups tell of it. */
  runtime: { name: string; socket: string | null; connected: boolean } | null;
  /** Id by which the runtime knows it. */
  runtimeId: string | null;
  uid: string | null;
  labels: Readonly<Record<string, string>>;
  annotations: Readonly<Record<string, string>>;
  image: string | null;
  containers: readonly ObservedContainer[];
  publishedPorts: readonly PublishedPort[];
}

/** What the kernel tells of a namespace. */
export interface NamespaceEvidence {
  inode: number;
  mounts: readonly string[];
  controlGroups: readonly string[];
  /** Command of its first process; null without one. */
  command: string | null;
}

/** Returns the ids of containers that control groups name. */
export const listContainerIds = (controlGroups: readonly string[]): string[] => [
  ...new Set(controlGroups.flatMap((path) => parseControlGroup(path).container ?? [])),
];

/** Names a pod by the most trusted source that knows it. @param known what runtimes know of it, most trusted first */
export function identifyPod(evidence: NamespaceEvidence, known: readonly NamedPod[]): PodIdentity {
  const first = known[0];
  if (first === undefined) return identifyByKernel(evidence);
  const { source, pod } = first;
  const fromCache = source.client.kind === 'cni';
  const group = findNamedGroup(evidence.controlGroups);
  return {
    name: pod.name,
    namespace: pod.namespace,
    identifiedBy: source.client.kind,
    runtime: fromCache
      ? group === null
        ? null
        : { name: group, socket: null, connected: true }
      : { name: source.name, socket: source.client.path, connected: source.connected },
    runtimeId: pod.id,
    uid: pod.uid,
    labels: pod.labels,
    // The CNI cache has annotations that Docker and Podman do not know.
    annotations: Object.assign({}, ...known.toReversed().map((each) => each.pod.annotations)),
    image: pod.image,
    containers: pod.containers,
    publishedPorts: known.find((each) => each.pod.publishedPorts.length > 0)?.pod.publishedPorts ?? [],
  };
}

function identifyByKernel({ inode, mounts, controlGroups, command }: NamespaceEvidence): PodIdentity {
  const group = findNamedGroup(controlGroups);
  const ids = controlGroups.map(parseControlGroup);
  const container = ids.find((each) => each.container !== null)?.container ?? null;
  const unknown = {
    namespace: null,
    runtime: group === null ? null : { name: group, socket: null, connected: true },
    runtimeId: container,
    uid: ids.find(({ podUid }) => podUid !== null)?.podUid ?? null,
    labels: {},
    annotations: {},
    image: null,
    containers: [],
    publishedPorts: [],
  };
  const named = mounts.find((path) => path.startsWith(`${namedNetnsDirectory}/`));
  // Runtimes name the mounts of their sandboxes so; the id of the container says more.
  const isGenerated = named !== undefined && /\/(cni|netns)-[0-9a-f-]{36}$/.test(named);
  if (named !== undefined && !(isGenerated && container !== null))
    return { ...unknown, name: named.slice(namedNetnsDirectory.length + 1), identifiedBy: 'netns' };
  if (container !== null)
    return {
      ...unknown,
      name: /^[0-9a-f]{64}$/.test(container) ? container.slice(0, 12) : container,
      identifiedBy: 'cgroup',
    };
  if (command !== null) return { ...unknown, name: command, identifiedBy: 'process' };
  return { ...unknown, name: `ns-${inode}`, identifiedBy: 'inode' };
}

const findNamedGroup = (controlGroups: readonly string[]): string | null =>
  controlGroups.map((path) => parseControlGroup(path).runtime).find((each) => each !== null) ?? null;

import type { ObservedContainer, PublishedPort } from '../../../contract/observed-pod.ts';
import { followEvents, getFromSocket } from './engine-api.ts';
import {
  type RuntimeClient,
  type RuntimePod,
  readInode,
  readProcessInode,
  toArray,
  toInteger,
  toRecord,
  toText,
  toTexts,
} from './runtime-pod.ts';

/** Path of Podman's own API, which versions 4 and 5 have. */
const api = '/v4.0.0/libpod';
const events = encodeURIComponent(JSON.stringify({ type: ['container', 'pod'] }));

/** Client of Podman's API. A pod of Podman is one pod, however many containers it has. */
export function createPodmanClient(socket: string): RuntimeClient {
  let version: string | null = null;
  const ownInode = readInode('/proc/thread-self/ns/net');
  return {
    kind: 'podman',
    name: 'podman',
    path: socket,
    async list(signal) {
      version ??= toText(toRecord(await getFromSocket(socket, `${api}/version`, signal)).Version);
      const containers = toArray(await getFromSocket(socket, `${api}/containers/json`, signal)).flatMap(
        (each) => parsePodmanContainer(each) ?? [],
      );
      return { name: 'podman', version, pods: groupByPod(containers, readProcessInode, ownInode) };
    },
    follow: (changed, signal) =>
      followEvents(socket, `${api}/events?stream=true&filters=${events}`, changed, signal),
  };
}

interface PodmanContainer {
  id: string;
  name: string;
  image: string | null;
  state: string;
  pid: number | null;
  /** Id and name of its pod; null for a container of its own. */
  pod: { id: string; name: string } | null;
  infra: boolean;
  labels: Record<string, string>;
  publishedPorts: PublishedPort[];
}

/** Parses a container of `GET /libpod/containers/json`; null without an id. */
function parsePodmanContainer(value: unknown): PodmanContainer | null {
  const container = toRecord(value);
  const id = toText(container.Id);
  if (id === null) return null;
  const pod = toText(container.Pod);
  return {
    id,
    name: toText(toArray(container.Names)[0]) ?? id.slice(0, 12),
    image: toText(container.Image),
    state: toText(container.State) ?? 'running',
    pid: toInteger(container.Pid),
    pod: pod === null ? null : { id: pod, name: toText(container.PodName) ?? pod.slice(0, 12) },
    infra: container.IsInfra === true,
    labels: toTexts(container.Labels),
    publishedPorts: toArray(container.Ports).flatMap(parsePorts),
  };
}

/** Parses a mapping of ports; `range` of them follow one another. */
function parsePorts(value: unknown): PublishedPort[] {
  const mapping = toRecord(value);
  const hostPort = toInteger(mapping.host_port);
  const podPort = toInteger(mapping.container_port);
  if (hostPort === null || podPort === null) return [];
  const count = Math.min(Math.max(toInteger(mapping.range) ?? 1, 1), 1024);
  const address = toText(mapping.host_ip);
  return (toText(mapping.protocol) ?? 'tcp').split(',').flatMap((protocol) =>
    Array.from({ length: count }, (_, i) => ({
      protocol,
      hostAddress: address === '0.0.0.0' || address === '::' ? null : address,
      hostPort: hostPort + i,
      podAddress: null,
      podPort: podPort + i,
    })),
  );
}

/** @param ownInode inode of the node's network namespace, by which host-network containers are known */
function groupByPod(
  containers: readonly PodmanContainer[],
  inodeOf: (pid: number | null) => number | null,
  ownInode: number | null,
): RuntimePod[] {
  const groups = new Map<string, PodmanContainer[]>();
  for (const container of containers) {
    const key = container.pod?.id ?? container.id;
    groups.set(key, [...(groups.get(key) ?? []), container]);
  }
  return [...groups].flatMap(([id, members]) => {
    const shown = members.filter(({ infra }) => !infra);
    const first = shown[0] ?? members[0];
    if (first === undefined) return [];
    const inode = members.map(({ pid }) => inodeOf(pid)).find((each) => each !== null) ?? null;
    return {
      id,
      containerIds: members.map((each) => each.id),
      inode,
      hostNetwork: inode !== null && inode === ownInode,
      namespace: null,
      name: first.pod?.name ?? first.name,
      uid: null,
      labels: Object.assign({}, ...members.map(({ labels }) => labels)),
      annotations: {},
      image: first.image,
      containers: shown.map(
        ({ id: container, name, image, state }): ObservedContainer => ({ id: container, name, image, state }),
      ),
      publishedPorts: members.flatMap(({ publishedPorts }) => publishedPorts),
    };
  });
}

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

/** Containers that are looked at in detail for one answer; more of them come with the next. */
const maxDetails = 32;
/** Events after which the list of running containers or their names may be another one. */
const events = encodeURIComponent(
  JSON.stringify({
    type: ['container', 'network'],
    event: ['start', 'die', 'destroy', 'rename', 'update', 'connect', 'disconnect'],
  }),
);

/** Where the network of a running container is. */
interface ContainerNetwork {
  inode: number | null;
}

/** Client of Docker's API. Containers that share the network of another one belong to that one's pod. */
export function createDockerClient(socket: string): RuntimeClient {
  /** Networks by container id, kept while a container runs. */
  let networks = new Map<string, ContainerNetwork>();
  let version: { name: string; version: string | null } | null = null;
  return {
    kind: 'docker',
    name: 'docker',
    path: socket,
    async list(signal) {
      version ??= readVersion(await getFromSocket(socket, '/version', signal));
      const containers = toArray(await getFromSocket(socket, '/containers/json', signal)).flatMap(
        (each) => parseDockerContainer(each) ?? [],
      );
      const known = new Map<string, ContainerNetwork>();
      let asked = 0;
      let partial = false;
      for (const { id, networkMode } of containers) {
        if (!hasOwnNetwork(networkMode)) continue;
        const before = networks.get(id);
        if (before) known.set(id, before);
        else if (asked >= maxDetails) partial = true;
        else {
          asked++;
          const details = await getFromSocket(socket, `/containers/${id}/json`, signal).catch(
            (error: unknown) => {
              signal.throwIfAborted();
              // It ended in between.
              if (/: 404 /.test(String(error))) return {};
              throw error;
            },
          );
          known.set(id, { inode: readNetworkInode(details) });
        }
      }
      networks = known;
      return {
        ...version,
        pods: groupByNetwork(containers, (id) => networks.get(id)?.inode ?? null),
        partial,
      };
    },
    follow: (changed, signal) => followEvents(socket, `/events?filters=${events}`, changed, signal),
  };
}

interface DockerContainer {
  id: string;
  name: string;
  image: string | null;
  state: string;
  /** `host`, `none`, `container:ID`, or the name of a network. */
  networkMode: string;
  labels: Record<string, string>;
  publishedPorts: PublishedPort[];
}

/** Parses a container of `GET /containers/json`; null without an id. */
function parseDockerContainer(value: unknown): DockerContainer | null {
  const container = toRecord(value);
  const id = toText(container.Id);
  if (id === null) return null;
  const name = toText(toArray(container.Names)[0])?.replace(/^\//, '');
  return {
    id,
    name: name ?? id.slice(0, 12),
    image: toText(container.Image),
    state: toText(container.State) ?? 'running',
    networkMode: toText(toRecord(container.HostConfig).NetworkMode) ?? 'default',
    labels: toTexts(container.Labels),
    publishedPorts: toArray(container.Ports).flatMap((each) => parsePort(each) ?? []),
  };
}

function parsePort(value: unknown): PublishedPort | null {
  const { IP, PrivatePort, PublicPort, Type } = toRecord(value);
  const hostPort = toInteger(PublicPort);
  const podPort = toInteger(PrivatePort);
  if (hostPort === null || podPort === null) return null;
  const address = toText(IP);
  return {
    protocol: toText(Type) ?? 'tcp',
    hostAddress: address === '0.0.0.0' || address === '::' ? null : address,
    hostPort,
    podAddress: null,
    podPort,
  };
}

const hasOwnNetwork = (mode: string): boolean =>
  mode !== 'host' && mode !== 'none' && !mode.startsWith('container:');

/** Returns the inode in an answer of `GET /containers/ID/json`: of the mounted sandbox, or of the first process. */
function readNetworkInode(details: unknown): number | null {
  const { NetworkSettings, State } = toRecord(details);
  return (
    readInode(toText(toRecord(NetworkSettings).SandboxKey)) ??
    readProcessInode(toInteger(toRecord(State).Pid))
  );
}

/** Makes a pod of each network: the container that has it, and those that joined. */
function groupByNetwork(
  containers: readonly DockerContainer[],
  inodeOf: (id: string) => number | null,
): RuntimePod[] {
  const joined = new Map<string, DockerContainer[]>();
  for (const container of containers) {
    const owner = /^container:(.+)$/.exec(container.networkMode)?.[1];
    if (owner !== undefined) joined.set(owner, [...(joined.get(owner) ?? []), container]);
  }
  return containers
    .filter(({ networkMode }) => networkMode !== 'none' && !networkMode.startsWith('container:'))
    .map((container) => {
      const members = [container, ...(joined.get(container.id) ?? []), ...(joined.get(container.name) ?? [])];
      return {
        id: container.id,
        containerIds: members.map(({ id }) => id),
        inode: inodeOf(container.id),
        hostNetwork: container.networkMode === 'host',
        namespace: null,
        name: container.name,
        uid: null,
        labels: container.labels,
        annotations: {},
        image: container.image,
        containers: members.map(
          ({ id, name, image, state }): ObservedContainer => ({ id, name, image, state }),
        ),
        publishedPorts: uniquePorts(container.publishedPorts),
      };
    });
}

/** Docker lists a port that is published for all addresses once for each family. */
const uniquePorts = (ports: readonly PublishedPort[]): PublishedPort[] => [
  ...new Map(ports.map((port) => [JSON.stringify(port), port])).values(),
];

function readVersion(answer: unknown): { name: string; version: string | null } {
  const { Version, Components } = toRecord(answer);
  const isPodman = toArray(Components).some((each) => /podman/i.test(toText(toRecord(each).Name) ?? ''));
  return { name: isPodman ? 'podman' : 'docker', version: toText(Version) };
}

import type { ObservedContainer, PublishedPort } from '../../../contract/observed-pod.ts';
import { CriConnection } from './cri-connection.ts';
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

/** Sandboxes that are asked for in detail for one answer; more of them come with the next. */
const maxDetails = 32;
const onlyReady = { filter: { state: { state: 'SANDBOX_READY' } } };

/** What the verbose status of a sandbox says beyond the list. */
interface SandboxDetails {
  hostNetwork: boolean;
  inode: number | null;
  publishedPorts: PublishedPort[];
}

/** Client of a runtime that speaks the Container Runtime Interface, v1 or v1alpha2: containerd, CRI-O. */
export function createCriClient(socket: string): RuntimeClient {
  const connection = new CriConnection(socket);
  /** Details by sandbox id, kept while a sandbox exists. */
  let details = new Map<string, SandboxDetails>();
  let version: { name: string; version: string | null } | null = null;
  return {
    kind: 'cri',
    name: 'cri',
    path: socket,
    async list(signal) {
      version ??= parseVersion(await connection.call('Version', {}, signal));
      const [sandboxes, containers] = await Promise.all([
        connection.call('ListPodSandbox', onlyReady, signal),
        connection.call('ListContainers', {}, signal),
      ]);
      const items = toArray(toRecord(sandboxes).items).flatMap((each) => {
        const id = toText(toRecord(each).id);
        return id === null ? [] : { id, sandbox: each };
      });
      const known = new Map<string, SandboxDetails>();
      let partial = false;
      let asked = 0;
      for (const { id } of items) {
        const before = details.get(id);
        if (before) known.set(id, before);
        else if (asked >= maxDetails) partial = true;
        else {
          asked++;
          const found = await readDetails(connection, id, signal);
          if (found) known.set(id, found);
        }
      }
      details = known;
      const byPod = groupContainers(containers);
      return {
        ...version,
        partial,
        pods: items.flatMap(
          ({ id, sandbox }) => parseSandbox(sandbox, byPod.get(id) ?? [], details.get(id)) ?? [],
        ),
      };
    },
    close: () => connection.close(),
  };
}

async function readDetails(
  connection: CriConnection,
  id: string,
  signal: AbortSignal,
): Promise<SandboxDetails | null> {
  try {
    return parseDetails(
      await connection.call('PodSandboxStatus', { pod_sandbox_id: id, verbose: true }, signal),
    );
  } catch (error) {
    signal.throwIfAborted();
    // NOT_FOUND: it ended in between.
    if (toRecord(error).code === 5) return null;
    throw error;
  }
}

/** Parses the name and version of a runtime. CRI-O calls itself `cri-o`, containerd `containerd`. */
function parseVersion(answer: object): { name: string; version: string | null } {
  const { runtime_name: name, runtime_version: version } = toRecord(answer);
  return { name: toText(name) ?? 'cri', version: toText(version) };
}

/**
 * Parses a verbose PodSandboxStatusResponse. `info` has a JSON text under `info`, whose form is the runtime's own: pid and
 * the OCI specification, whose network namespace has a path; none is listed for a sandbox in the node's.
 */
function parseDetails(
  answer: object,
  inodeAt: (path: string | null) => number | null = readInode,
  inodeOf: (pid: number | null) => number | null = readProcessInode,
): SandboxDetails {
  const { status, info } = toRecord(answer);
  const options = toRecord(toRecord(toRecord(toRecord(status).linux).namespaces).options);
  const verbose = parseJson(toTexts(info).info);
  const namespaces = toArray(toRecord(toRecord(verbose.runtimeSpec).linux).namespaces).map(toRecord);
  const network = namespaces.find(({ type }) => type === 'network');
  const hostNetwork = options.network === 'NODE';
  return {
    hostNetwork,
    inode: hostNetwork ? null : (inodeAt(toText(network?.path)) ?? inodeOf(toInteger(verbose.pid))),
    publishedPorts: toArray(toRecord(verbose.config).port_mappings).flatMap((each) => parsePort(each) ?? []),
  };
}

/** Parses a PortMapping as containerd prints it: `protocol` is left out for TCP, which is 0; UDP is 1, SCTP 2. */
function parsePort(value: unknown): PublishedPort | null {
  const { protocol, host_port, container_port, host_ip } = toRecord(value);
  const hostPort = toInteger(host_port);
  const podPort = toInteger(container_port);
  if (!hostPort || podPort === null) return null;
  return {
    protocol: ['tcp', 'udp', 'sctp'][toInteger(protocol) ?? 0] ?? 'tcp',
    hostAddress: toText(host_ip),
    hostPort,
    podAddress: null,
    podPort,
  };
}

/** Groups the containers of a ListContainersResponse by the id of their sandbox. */
function groupContainers(answer: object): Map<string, ObservedContainer[]> {
  const found = new Map<string, ObservedContainer[]>();
  for (const each of toArray(toRecord(answer).containers)) {
    const { id, pod_sandbox_id: pod, metadata, image, image_ref, state } = toRecord(each);
    const containerId = toText(id);
    const podId = toText(pod);
    if (containerId === null || podId === null) continue;
    const { image: name, user_specified_image: wanted } = toRecord(image);
    const container = {
      id: containerId,
      name: toText(toRecord(metadata).name) ?? containerId.slice(0, 12),
      image: toText(wanted) ?? toText(name) ?? toText(image_ref),
      state: (toText(state) ?? 'CONTAINER_UNKNOWN').replace(/^CONTAINER_/, '').toLowerCase(),
    };
    found.set(podId, [...(found.get(podId) ?? []), container]);
  }
  return found;
}

/** Parses a PodSandbox; null without an id. */
function parseSandbox(
  value: unknown,
  containers: readonly ObservedContainer[],
  details: SandboxDetails | undefined,
): RuntimePod | null {
  const { id: sandboxId, metadata, labels, annotations } = toRecord(value);
  const id = toText(sandboxId);
  if (id === null) return null;
  const { name, namespace, uid } = toRecord(metadata);
  const running = containers.filter(({ state }) => state === 'running');
  return {
    id,
    containerIds: [id, ...containers.map((container) => container.id)],
    inode: details?.inode ?? null,
    hostNetwork: details?.hostNetwork ?? false,
    namespace: toText(namespace),
    name: toText(name) ?? id.slice(0, 12),
    uid: toText(uid),
    labels: toTexts(labels),
    annotations: toTexts(annotations),
    image: (running[0] ?? containers[0])?.image ?? null,
    containers,
    publishedPorts: details?.publishedPorts ?? [],
  };
}

function parseJson(text: string | undefined): Readonly<Record<string, unknown>> {
  try {
    return toRecord(JSON.parse(text ?? ''));
  } catch {
    return {};
  }
}

import { watch } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { PublishedPort } from '../../../contract/observed-pod.ts';
import {
  type RuntimeClient,
  type RuntimePod,
  readInode,
  toArray,
  toInteger,
  toRecord,
  toText,
  toTexts,
} from './runtime-pod.ts';

/** Maximum number and size of files that are read. */
const maxFiles = 4096;
const maxFileBytes = 1 << 20;
/** Capability by which containerd passes a pod's annotations. */
const annotationCapability = 'io.kubernetes.cri.pod-annotations';

/** An attachment that libcni has cached: the result of one ADD. */
interface CachedAttachment {
  containerId: string;
  netns: string | null;
  pod: { namespace: string | null; name: string; uid: string | null } | null;
  annotations: Record<string, string>;
  publishedPorts: PublishedPort[];
}

/** Reads the cache of results that libcni keeps for every attachment. Files of others in the folder are left out. */
export function createCniCacheClient(folder: string): RuntimeClient {
  /** Attachments by file name, read again only if the file changed. */
  let cache = new Map<string, { changed: number; attachment: CachedAttachment | null }>();
  return {
    kind: 'cni',
    name: 'cni',
    path: folder,
    async list(signal) {
      const names = (await readdir(folder)).slice(0, maxFiles);
      const read: typeof cache = new Map();
      for (const name of names) {
        signal.throwIfAborted();
        const file = join(folder, name);
        const found = await stat(file).catch(() => null);
        if (!found?.isFile() || found.size > maxFileBytes) continue;
        const known = cache.get(name);
        const isKnown = known !== undefined && known.changed === found.mtimeMs;
        read.set(
          name,
          isKnown
            ? known
            : { changed: found.mtimeMs, attachment: parseCachedAttachment(await readText(file)) },
        );
      }
      cache = read;
      return {
        name: 'cni',
        version: null,
        pods: groupAttachments([...cache.values()].flatMap(({ attachment }) => attachment ?? [])),
      };
    },
    follow: (changed, signal) =>
      new Promise((resolve, reject) => {
        const watcher = watch(folder, { signal, persistent: false }, changed);
        watcher.on('error', reject).on('close', resolve);
      }),
  };
}

const readText = (file: string): Promise<string> => readFile(file, 'utf8').catch(() => '');

/** Parses a file of the cache (libcni's `cniCacheV1`); null if it is none. */
function parseCachedAttachment(text: string): CachedAttachment | null {
  let cached: Readonly<Record<string, unknown>>;
  try {
    cached = toRecord(JSON.parse(text));
  } catch {
    return null;
  }
  const containerId = toText(cached.containerId);
  if (containerId === null || cached.kind !== 'cniCacheV1') return null;
  const args = Object.fromEntries(
    toArray(cached.cniArgs).flatMap((pair) => {
      const [name, value] = toArray(pair);
      return typeof name === 'string' && typeof value === 'string' ? [[name, value] as const] : [];
    }),
  );
  const capabilities = toRecord(cached.capabilityArgs);
  const { K8S_POD_NAMESPACE: namespace, K8S_POD_NAME: name, K8S_POD_UID: uid } = args;
  return {
    containerId,
    netns: toText(cached.netns) ?? findSandbox(cached.result),
    pod: name === undefined ? null : { namespace: namespace ?? null, name, uid: uid ?? null },
    annotations: toTexts(capabilities[annotationCapability]),
    publishedPorts: toArray(capabilities.portMappings).flatMap((each) => parsePort(each) ?? []),
  };
}

/** Finds the path of the namespace in a result: that of an interface which is not on the host. */
function findSandbox(result: unknown): string | null {
  const sandboxes = toArray(toRecord(result).interfaces).flatMap(
    (each) => toText(toRecord(each).sandbox) ?? [],
  );
  return sandboxes[0] ?? null;
}

function parsePort(value: unknown): PublishedPort | null {
  const mapping = toRecord(value);
  const hostPort = toInteger(mapping.hostPort);
  const podPort = toInteger(mapping.containerPort);
  if (!hostPort || podPort === null) return null;
  return {
    protocol: toText(mapping.protocol)?.toLowerCase() ?? 'tcp',
    hostAddress: toText(mapping.hostIP),
    hostPort,
    podAddress: null,
    podPort,
  };
}

/** Makes one pod of all attachments of a container. */
function groupAttachments(
  attachments: readonly CachedAttachment[],
  inodeAt: (path: string | null) => number | null = readInode,
): RuntimePod[] {
  const groups = new Map<string, CachedAttachment[]>();
  for (const attachment of attachments)
    groups.set(attachment.containerId, [...(groups.get(attachment.containerId) ?? []), attachment]);
  return [...groups].map(([containerId, all]) => {
    const pod = all.find((each) => each.pod !== null)?.pod ?? null;
    return {
      id: containerId,
      containerIds: [containerId],
      inode: all.map(({ netns }) => inodeAt(netns)).find((each) => each !== null) ?? null,
      hostNetwork: false,
      namespace: pod?.namespace ?? null,
      name: pod?.name ?? containerId.slice(0, 12),
      uid: pod?.uid ?? null,
      labels: {},
      annotations: Object.assign({}, ...all.map(({ annotations }) => annotations)),
      image: null,
      containers: [],
      publishedPorts: all.flatMap(({ publishedPorts }) => publishedPorts),
    };
  });
}

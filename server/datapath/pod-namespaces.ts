import { statSync } from 'node:fs';
import { ProblemError } from '../../contract/problem.ts';
import { findNamespacePaths, namespaceHasInterface } from '../kernel/namespace-search.ts';
import { type NetworkNamespace, openNetworkNamespace } from '../kernel/netns.ts';
import { NetlinkSocket } from '../netlink/socket.ts';
import type { PodRecord } from '../store/records.ts';
import { getPeerIfindex, type IndexedDevice } from './device-indexes.ts';

/**
 * Open network namespace of a pod. Held for one operation only, because an open descriptor keeps a namespace alive.
 */
export interface PodNamespace extends Disposable {
  fd: number;
  socket: NetlinkSocket;
  /** Path at which it was opened: the pod's own, or another one while that is gone. */
  path: string;
}

/** Pod whose namespace is looked for. Its devices identify the namespace, because inode numbers are reused. */
export interface NamespaceOwner {
  record: Pick<PodRecord, 'netnsPath' | 'netnsInode' | 'namespace' | 'name'>;
  devices: readonly IndexedDevice[];
}

/**
 * Opens a pod's network namespace at its path. While the path is gone or leads elsewhere, opens it through another mount
 * or a process that lives in it.
 * @throws ProblemError `pod_gone` if it is found nowhere
 */
export function openPodNamespace(pod: NamespaceOwner): PodNamespace {
  const found = find(pod);
  const { record } = pod;
  if (found === null)
    throw new ProblemError(
      'pod_gone',
      `open the namespace of ${record.namespace}/${record.name}: it is gone: not at ${record.netnsPath}, and no process that the agent sees is in it (inode ${record.netnsInode})`,
      {
        hint: 'The pod has ended. If it is still listed, remove it with DELETE /api/v1/pods/:id.',
      },
    );
  const { namespace, path } = found;
  try {
    const socket = NetlinkSocket.inNamespace(namespace.fd);
    return {
      fd: namespace.fd,
      socket,
      path,
      [Symbol.dispose]() {
        socket.close();
        namespace.close();
      },
    };
  } catch (error) {
    namespace.close();
    throw error;
  }
}

/** Returns true if the pod's network namespace can be opened, at its path or elsewhere. */
export function podNamespaceExists(pod: NamespaceOwner): boolean {
  const found = find(pod);
  found?.namespace.close();
  return found !== null;
}

/** Returns a path at which the pod's network namespace can be opened now; the pod's own path if there is none. */
export function currentNamespacePath(pod: NamespaceOwner): string {
  const { netnsPath, netnsInode } = pod.record;
  if (statSync(netnsPath, { bigint: true, throwIfNoEntry: false })?.ino === netnsInode) return netnsPath;
  const found = findElsewhere(pod);
  found?.namespace.close();
  return found?.path ?? netnsPath;
}

interface FoundNamespace {
  namespace: NetworkNamespace;
  path: string;
}

const find = (pod: NamespaceOwner): FoundNamespace | null => {
  const { netnsPath, netnsInode } = pod.record;
  const namespace = openIfSame(netnsPath, netnsInode);
  return namespace ? { namespace, path: netnsPath } : findElsewhere(pod);
};

/**
 * Finds a namespace of the pod's inode number that holds an end of one of its devices. The number alone proves nothing:
 * the kernel gives it to another namespace once this one is gone.
 */
function findElsewhere({ record, devices }: NamespaceOwner): FoundNamespace | null {
  if (devices.length === 0) return null;
  for (const path of findNamespacePaths(record.netnsInode)) {
    const namespace = openIfSame(path, record.netnsInode);
    if (namespace === null) continue;
    if (devices.some((device) => namespaceHasInterface(namespace.fd, getPeerIfindex(device))))
      return { namespace, path };
    namespace.close();
  }
  return null;
}

function openIfSame(path: string, inode: bigint): NetworkNamespace | null {
  let namespace: NetworkNamespace;
  try {
    namespace = openNetworkNamespace(path);
  } catch {
    return null;
  }
  if (namespace.inode === inode) return namespace;
  namespace.close();
  return null;
}

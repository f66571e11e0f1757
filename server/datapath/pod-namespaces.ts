import { ProblemError } from '../../contract/problem.ts';
import { type NetworkNamespace, openNetworkNamespace } from '../kernel/netns.ts';
import { NetlinkSocket } from '../netlink/socket.ts';
import type { PodRecord } from '../store/records.ts';

/**
 * Open network namespace of a pod. Held for one operation only, because an open descriptor keeps a namespace alive.
 */
export interface PodNamespace extends Disposable {
  fd: number;
  socket: NetlinkSocket;
}

type NamespaceLocation = Pick<PodRecord, 'netnsPath' | 'netnsInode' | 'namespace' | 'name'>;

/** Opens a pod's network namespace. @throws ProblemError `pod_gone` if the path has no namespace or another one */
export function openPodNamespace(pod: NamespaceLocation): PodNamespace {
  const namespace = openIfSame(pod);
  if (namespace === null)
    throw new ProblemError(
      'pod_gone',
      `open the namespace of ${pod.namespace}/${pod.name} at ${pod.netnsPath}: it is gone`,
      {
        hint: 'The pod has ended. If it is still listed, remove it with DELETE /api/v1/pods/:id.',
      },
    );
  try {
    const socket = NetlinkSocket.inNamespace(namespace.fd);
    return {
      fd: namespace.fd,
      socket,
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

/** Returns true if the pod's network namespace is still at its path. */
export function podNamespaceExists(pod: NamespaceLocation): boolean {
  const namespace = openIfSame(pod);
  namespace?.close();
  return namespace !== null;
}

function openIfSame(pod: NamespaceLocation): NetworkNamespace | null {
  let namespace: NetworkNamespace;
  try {
    namespace = openNetworkNamespace(pod.netnsPath);
  } catch {
    return null;
  }
  if (namespace.inode === pod.netnsInode) return namespace;
  namespace.close();
  return null;
}

import { ProblemError } from '../../contract/problem.ts';
import { type NetworkNamespace, openNamespace } from '../kernel/netns.ts';
import { NetlinkSocket } from '../netlink/socket.ts';
import type { PodRecord } from '../store/records.ts';

/** A pod's namespace, open. An open descriptor keeps a namespace alive, so none is held longer than a call. */
export interface PodNamespace extends Disposable {
  fd: number;
  socket: NetlinkSocket;
}

type Where = Pick<PodRecord, 'netnsPath' | 'netnsInode' | 'namespace' | 'name'>;

/** @throws ProblemError `pod_gone` when nothing, or another namespace, is at the pod's path */
export function openPodNamespace(pod: Where): PodNamespace {
  const namespace = openSame(pod);
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

/** Whether the pod's namespace is still at its path. */
export function namespaceExists(pod: Where): boolean {
  const namespace = openSame(pod);
  namespace?.close();
  return namespace !== null;
}

function openSame(pod: Where): NetworkNamespace | null {
  let namespace: NetworkNamespace;
  try {
    namespace = openNamespace(pod.netnsPath);
  } catch {
    return null;
  }
  if (namespace.inode === pod.netnsInode) return namespace;
  namespace.close();
  return null;
}

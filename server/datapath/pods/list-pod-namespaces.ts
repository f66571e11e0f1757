import { formatPodName } from '../datapath-context.ts';
import { isPodGone } from '../pod-activity.ts';
import { currentNamespacePath } from '../pod-namespaces.ts';
import type { LivePod } from '../pod-registry.ts';

/** Network namespace of a pod, with the pod's id and `namespace.name`. */
export interface PodNamespaceEntry {
  id: string;
  name: string;
  path: string;
  inode: bigint;
}

/** Lists the network namespaces of all pods that are not gone. */
export const listPodNamespaces = (pods: readonly LivePod[]): PodNamespaceEntry[] =>
  pods
    .filter((pod) => !isPodGone(pod))
    .map((pod) => ({
      id: pod.record.id,
      name: formatPodName(pod),
      path: currentNamespacePath(pod),
      inode: pod.record.netnsInode,
    }));

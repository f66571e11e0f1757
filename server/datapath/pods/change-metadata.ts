import { isDeepStrictEqual } from 'node:util';
import { type DatapathContext, toPolicyEndpoint } from '../datapath-context.ts';
import { type PodDescription, savePodMetadata } from '../pod-metadata.ts';
import type { LivePod } from '../pod-registry.ts';

/** Change of a pod's metadata; what is missing stays. */
export interface PodMetadataChange extends Partial<Pick<PodDescription, 'labels' | 'annotations' | 'ports'>> {
  /** Id of the pod in the cluster that describes it; null: none does any more. */
  uid?: string | null;
}

/**
 * Changes labels, annotations and ports of a pod, and has the access rules apply to it as it is then.
 * @returns false if nothing differs
 * @throws ProblemError `store_failed`; nothing is changed then
 */
export async function changePodMetadata(
  context: DatapathContext,
  pod: LivePod,
  change: PodMetadataChange,
): Promise<boolean> {
  const { store, rules, publish } = context;
  const before = pod.metadata;
  const { labels = pod.record.labels, annotations = before.annotations, ports = before.ports } = change;
  const metadata = { annotations, ports, uid: change.uid === undefined ? before.uid : change.uid };
  const hasLabels = isDeepStrictEqual(labels, pod.record.labels);
  const hasMetadata = isDeepStrictEqual(metadata, pod.metadata);
  if (hasLabels && hasMetadata) return false;
  if (!hasLabels) await store.savePodLabels(pod.record.id, labels);
  if (!hasMetadata) await savePodMetadata(store, pod.record.id, metadata);
  const hasPorts = isDeepStrictEqual(metadata.ports, pod.metadata.ports);
  pod.record = { ...pod.record, labels };
  pod.metadata = metadata;
  if (!hasLabels || !hasPorts) rules?.changePod(toPolicyEndpoint(pod.record, metadata));
  publish.pod(pod);
  return true;
}

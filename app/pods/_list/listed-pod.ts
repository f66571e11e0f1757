import type { ObservedKind, ObservedPodSummary } from '../../../contract/observed-pod.ts';
import type { PodSummary } from '../../../contract/pod.ts';

/** A pod that others made, with the fields that the list shows of every pod. */
export interface ListedObservedPod
  extends Pick<PodSummary, 'id' | 'number' | 'namespace' | 'name' | 'labels' | 'addresses' | 'attention'> {
  observed: ObservedPodSummary;
  kind: ObservedKind | null;
  state: 'running';
  migration: null;
}

/** A row of the pod list: one of Podlane's own pods, or one that others made. */
export type ListedPod = PodSummary | ListedObservedPod;

export const isObserved = (pod: ListedPod): pod is ListedObservedPod => 'observed' in pod;

export const toListedPod = (observed: ObservedPodSummary): ListedObservedPod => ({
  id: observed.id,
  number: observed.number,
  namespace: observed.namespace ?? '',
  name: observed.name,
  labels: observed.labels,
  addresses: observed.addresses,
  attention: [],
  observed,
  kind: observed.kind,
  state: 'running',
  migration: null,
});

/** Chooses what is shown where the URL does not say: Podlane's own pods, or those of others if there are no others. */
export const chooseShownPods = (
  show: 'own' | 'observed' | 'all' | null,
  own: number,
  observed: number,
): 'own' | 'observed' | 'all' => show ?? (own === 0 && observed > 0 ? 'observed' : 'own');

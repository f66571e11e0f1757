import type { ObservedPodSummary } from '../../../contract/observed-pod.ts';
import { formatObservedDevice, formatRuntimeState } from './text.ts';

/** Shows who made an observed pod, and by what it is connected with the node. */
export function ObservedPodCell({ pod }: { pod: ObservedPodSummary }) {
  const texts = [formatRuntimeState(pod.runtime), formatObservedDevice(pod)].filter((text) => text !== '');
  return <span className="truncate text-12 text-ink-2">{texts.join(', ')}</span>;
}

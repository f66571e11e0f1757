import { formatPodName } from '../_lib/packet-labels.ts';
import { stripPrefixLength, usePods } from '../_lib/pod-queries.ts';

/** Renders a datalist of the node's pods, as suggestions for text fields whose `list` attribute is `id`. */
export function PodDatalist({ id }: { id: string }) {
  const { data: pods = [] } = usePods();
  return (
    <datalist id={id}>
      {pods.map((pod) => (
        <option key={pod.id} value={formatPodName(pod)} label={stripPrefixLength(pod.addresses[0])} />
      ))}
    </datalist>
  );
}

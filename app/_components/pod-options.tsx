import { qualifiedPodName } from '../_lib/packet-labels.ts';
import { plainAddress, usePods } from '../_lib/pod-queries.ts';

/** Suggests the node's pods to text fields whose `list` is `id`. */
export function PodOptions({ id }: { id: string }) {
  const { data: pods = [] } = usePods();
  return (
    <datalist id={id}>
      {pods.map((pod) => (
        <option key={pod.id} value={qualifiedPodName(pod)} label={plainAddress(pod.addresses[0])} />
      ))}
    </datalist>
  );
}

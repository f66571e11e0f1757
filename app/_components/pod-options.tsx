import { podName } from '../_lib/packet-words.ts';
import { plainAddress, usePods } from '../_lib/pods.ts';

/** The node's pods, offered to fields whose `list` is `id`. */
export function PodOptions({ id }: { id: string }) {
  const { data: pods = [] } = usePods();
  return (
    <datalist id={id}>
      {pods.map((pod) => (
        <option key={pod.id} value={podName(pod)} label={plainAddress(pod.addresses[0])} />
      ))}
    </datalist>
  );
}

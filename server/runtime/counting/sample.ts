import { counterIndexByName, slotCounterCount } from '../../bpf/counter-layout.ts';
import type { CounterSample } from '../../counters/sample.ts';
import { type ObservedPod, sumObservedCounters } from '../observed-pod.ts';

/**
 * Makes a sample of observed pods, of the form of those of Podlane's own pods. Counters that observed pods do not have are
 * zero; so is the slot.
 */
export function toCounterSample(
  pods: readonly ObservedPod[],
  time: Pick<CounterSample, 'sequence' | 'realtimeNs' | 'monotonicNs'>,
): CounterSample {
  const all = new BigUint64Array(pods.length * slotCounterCount);
  return {
    scope: 'observed',
    ...time,
    pods: pods.map((pod, row) => {
      const counters = all.subarray(row * slotCounterCount, (row + 1) * slotCounterCount);
      const sum = sumObservedCounters(pod);
      for (const name of ['egressPackets', 'egressBytes', 'ingressPackets', 'ingressBytes'] as const)
        counters[counterIndexByName[name]] = sum[name];
      const kind = pod.interfaces[0]?.kind === 'netkit' ? 'netkit' : 'veth';
      return { pod: pod.number, slot: 0, kind, counters, requests: null };
    }),
  };
}

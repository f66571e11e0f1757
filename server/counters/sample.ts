import type { CounterName, DatapathCounterName } from '../../contract/counter-table.ts';
import type { DeviceKind } from '../../contract/device.ts';
import { counterIndexByName, slotCounterCount } from '../bpf/counter-layout.ts';
import type { SampledPod } from '../datapath/sampled-pod.ts';
import type { SlotCounterReader } from './slot-counter-reader.ts';

/** The counters of a pod at one moment. */
export interface PodSample {
  /** Number of the pod in sample frames. */
  pod: number;
  /** Slot of the pod's current device in the BPF maps. */
  slot: number;
  kind: DeviceKind;
  /** Counter totals over all devices that the pod has had, at the indexes of `counterIndexByName`. */
  counters: BigUint64Array;
  /** Request counts of the pod's test traffic; null if it has no test traffic. */
  requests: { ok: number; failed: number } | null;
}

/** The counters of all pods, or of one watched pod, read at one moment. */
export interface CounterSample {
  scope: 'all' | 'watched' | 'observed';
  sequence: bigint;
  /** Time of the sample, as CLOCK_REALTIME in ns. */
  realtimeNs: bigint;
  /** Time of the sample, as CLOCK_MONOTONIC in ns, which rates are computed from. */
  monotonicNs: bigint;
  pods: readonly PodSample[];
}

/**
 * Reads the counters of pods' current devices and adds those of their removed devices. The counters of all are views of
 * one buffer: a thousand buffers a second would keep the garbage collector busy.
 */
export function readPodSamples(pods: readonly SampledPod[], read: SlotCounterReader): PodSample[] {
  const all = new BigUint64Array(pods.length * slotCounterCount);
  return pods.map((pod, row) =>
    readPodSample(pod, read, all.subarray(row * slotCounterCount, (row + 1) * slotCounterCount)),
  );
}

function readPodSample(pod: SampledPod, read: SlotCounterReader, counters: BigUint64Array): PodSample {
  for (let i = 0; i < pod.carried.length; i += 1) counters[i] = pod.carried[i] ?? 0n;
  for (const slot of pod.slots) read(slot, counters);
  return { pod: pod.number, slot: pod.slots.at(-1) ?? 0, kind: pod.kind, counters, requests: pod.requests };
}

const indexes = new Map<string, number>(Object.entries(counterIndexByName));

/** Returns the index of a counter in `PodSample.counters`; undefined for one that is not read from BPF maps. */
export const findCounterIndex = (counter: CounterName): number | undefined => indexes.get(counter);

/** Returns the value of a counter in a pod's sample; null if the counter does not exist for the pod. */
export function readCounterValue({ counters, requests }: PodSample, counter: CounterName): bigint | null {
  if (counter === 'requestsOk') return requests && BigInt(requests.ok);
  if (counter === 'requestsFailed') return requests && BigInt(requests.failed);
  return counters[counterIndexByName[counter]] ?? 0n;
}

/** Returns the increase of a BPF counter between two samples of a pod. */
export const computeCounterGrowth = (
  before: PodSample,
  after: PodSample,
  counter: DatapathCounterName,
): number => {
  const index = counterIndexByName[counter];
  return Number((after.counters[index] ?? 0n) - (before.counters[index] ?? 0n));
};

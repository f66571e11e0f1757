import type { DeviceKind } from '../../contract/device.ts';
import { getCurrentDevice, type LivePod } from './pod-registry.ts';

/** Fields of a pod that the counter sampler reads. */
export interface SampledPod {
  id: string;
  number: number;
  /** Slots of the pod's devices; the last one carries the pod's traffic. */
  slots: readonly number[];
  /** Indexes of the primaries of its devices that others made. */
  foreignPrimaries?: readonly number[];
  /** Inode number of the pod's network namespace. */
  netnsInode: bigint;
  kind: DeviceKind;
  /** Counter sums of the pod's removed devices, in the order of the counters in a slot. */
  carried: readonly bigint[];
  requests: { ok: number; failed: number } | null;
}

export const toSampledPod = (pod: LivePod): SampledPod => ({
  id: pod.record.id,
  number: pod.record.number,
  slots: pod.devices.map((device) => device.slot),
  foreignPrimaries: pod.devices.flatMap(({ foreignIfindexes }) => foreignIfindexes?.primary ?? []),
  netnsInode: pod.record.netnsInode,
  kind: getCurrentDevice(pod).kind,
  carried: pod.record.carried,
  requests: pod.requests,
});

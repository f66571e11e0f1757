import type { DatapathStore } from '../../store/port.ts';
import type { DeviceRecord } from '../../store/records.ts';
import { addCounters } from '../device/carried-counters.ts';
import type { KernelContext } from '../kernel-context.ts';
import type { LivePod } from '../pod-registry.ts';
import type { SlotAllocator } from '../slot-allocator.ts';

/**
 * The device that takes a pod's traffic goes last, which is what names the pod's kind. During a migration the
 * order changes when the host's route does.
 */
export function makeCurrent(pod: LivePod, device: DeviceRecord): void {
  if (!pod.devices.includes(device)) return;
  pod.devices = [...pod.devices.filter((each) => each !== device), device];
}

/** Before `makeCurrent`, a new device of a pod counts into its sums but does not name its kind. */
export function addPendingDevice(pod: LivePod, device: DeviceRecord): void {
  pod.devices = [device, ...pod.devices];
}

/**
 * Closes a removed device's store: its counters go into the pod's carried sums and its slot is free. In memory
 * both change in one turn of the event loop, so that no sample counts the device twice or not at all.
 */
export async function retireDevice(
  kernel: KernelContext,
  store: DatapathStore,
  slots: SlotAllocator,
  pod: LivePod,
  device: DeviceRecord,
): Promise<void> {
  if (!pod.devices.includes(device)) return;
  const counters = kernel.programs.counters.read(device.slot);
  await store.removeDevice(device.id, counters);
  pod.record = { ...pod.record, carried: addCounters(pod.record.carried, counters) };
  pod.devices = pod.devices.filter((each) => each !== device);
  slots.release(device.slot);
}

import type { DeviceRecord } from '../../store/records.ts';
import type { DatapathStore } from '../../store/store-interfaces.ts';
import { addCarriedCounters } from '../device/add-carried-counters.ts';
import type { KernelContext } from '../kernel-context.ts';
import type { LivePod } from '../pod-registry.ts';
import type { SlotAllocator } from '../slot-allocator.ts';

/**
 * Makes a device the pod's current one, which is the last in the list and determines the pod's kind. A migration calls it
 * when the host's route has moved.
 */
export function setCurrentDevice(pod: LivePod, device: DeviceRecord): void {
  if (!pod.devices.includes(device)) return;
  pod.devices = [...pod.devices.filter((each) => each !== device), device];
}

/** Adds a new device that counts toward the pod's counters but does not yet carry the pod's traffic. */
export function addPendingDevice(pod: LivePod, device: DeviceRecord): void {
  pod.devices = [device, ...pod.devices];
}

/**
 * Adds a removed device's counters to the pod's carried sums and releases its slot. Both change in one turn of the event
 * loop, so that no sample counts the device twice or not at all.
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
  pod.record = { ...pod.record, carried: addCarriedCounters(pod.record.carried, counters) };
  pod.devices = pod.devices.filter((each) => each !== device);
  slots.release(device.slot);
}

import { slotToPeerIfindex, slotToPrimaryIfindex } from '../../bpf/datapath-structs.ts';
import { getLink } from '../../netlink/link.ts';
import { listRoutes } from '../../netlink/route.ts';
import type { DeviceRecord } from '../../store/records.ts';
import { type DatapathContext, formatPodName } from '../datapath-context.ts';
import { deleteDevicePair } from '../device/device-pair.ts';
import { finishHookMove } from '../device/move-hooks.ts';
import { moveDeviceRoutes } from '../device/network-state.ts';
import { stripPrefixLength } from '../device/next-hops.ts';
import { removeRedirectEndpoints, setRedirectEndpoints, writeSlotEntry } from '../device/podlane-programs.ts';
import type { KernelContext } from '../kernel-context.ts';
import { openPodNamespace, type PodNamespace, podNamespaceExists } from '../pod-namespaces.ts';
import { getCurrentDevice, type LivePod } from '../pod-registry.ts';
import { buildDeviceRecord, createPodDevice } from '../pods/create-pod-device.ts';
import { retireDevice, setCurrentDevice } from '../pods/current-device.ts';
import { type DeviceDrift, detectDeviceDrift } from './device-drift.ts';

/**
 * Removes the endpoints, pins and record of a pod whose network namespace is gone, and with it the device.
 * @returns false when the namespace exists
 */
export async function removePodIfNamespaceGone(
  { kernel, store }: DatapathContext,
  pod: LivePod,
): Promise<boolean> {
  if (podNamespaceExists(pod.record)) return false;
  removeRedirectEndpoints(kernel, pod.record);
  for (const device of pod.devices) await deleteDevicePair(kernel, device.slot);
  await store.removePod(pod.record.id);
  return true;
}

/**
 * Writes the slot and endpoint entries of a pod to the BPF maps; must be called before a program runs, since the
 * maps may be new.
 */
export function writePodMapEntries(kernel: KernelContext, pod: LivePod): void {
  for (const device of pod.devices) writeSlotEntry(kernel, pod.record, device);
  setRedirectEndpoints(kernel, pod.record, getCurrentDevice(pod));
}

/**
 * Removes all but one device of a pod, as a failed migration may leave them: keeps the one that the host's route uses.
 * @returns a message for each removed device
 */
export async function removeExtraDevices(context: DatapathContext, pod: LivePod): Promise<string[]> {
  if (pod.devices.length < 2) return [];
  const { kernel, store, slots } = context;
  const [address] = pod.record.network.addresses.map(stripPrefixLength);
  const route = (await listRoutes(kernel.host)).find(
    ({ destination }) => stripPrefixLength(destination) === address,
  );
  const routed = pod.devices.find((device) => slotToPrimaryIfindex(device.slot) === route?.ifindex);
  if (routed) setCurrentDevice(pod, routed);
  setRedirectEndpoints(kernel, pod.record, getCurrentDevice(pod));
  const removed: string[] = [];
  for (const extra of pod.devices.slice(0, -1)) {
    await moveRoutesToCurrent(context, pod, extra);
    await deleteDevicePair(kernel, extra.slot);
    await retireDevice(kernel, store, slots, pod, extra);
    removed.push(`removed ${extra.primaryName}, a second device of ${formatPodName(pod)}`);
  }
  return removed;
}

/**
 * Moves the routes of a device to the current device before the device is deleted, because the kernel deletes its
 * routes too.
 */
async function moveRoutesToCurrent(
  { kernel, log }: DatapathContext,
  pod: LivePod,
  extra: DeviceRecord,
): Promise<void> {
  const { slot } = getCurrentDevice(pod);
  try {
    using namespace = openPodNamespace(pod.record);
    if (!(await getLink(namespace.socket, { ifindex: slotToPeerIfindex(slot) }))) return;
    await moveDeviceRoutes(namespace.socket, slotToPeerIfindex(extra.slot), slotToPeerIfindex(slot));
    await moveDeviceRoutes(kernel.host, slotToPrimaryIfindex(extra.slot), slotToPrimaryIfindex(slot));
  } catch (error) {
    // Missing routes are restored when the pod is reconciled.
    log.warn({ err: error, pod: pod.record.id }, 'routes of a second device');
  }
}

/**
 * Compares the pod's device with its record: the whole device is missing, or parts of it differ. Changes nothing.
 * @returns a repair for each difference
 */
export async function detectPodDrift(
  context: DatapathContext,
  pod: LivePod,
  namespace: PodNamespace,
): Promise<DeviceDrift[]> {
  const { kernel } = context;
  const device = getCurrentDevice(pod);
  const primary = await getLink(kernel.host, { ifindex: slotToPrimaryIfindex(device.slot) });
  const peer = await getLink(namespace.socket, { ifindex: slotToPeerIfindex(device.slot) });
  if (primary?.kind !== device.kind || peer === null)
    return [
      {
        key: 'device',
        message: `${device.primaryName} of ${formatPodName(pod)} was deleted by another process`,
        repair: () => replaceDevice(context, pod, namespace, device),
      },
    ];
  return detectDeviceDrift({ kernel, namespace, pod: pod.record, device }, primary, peer);
}

/**
 * Replaces a lost device by a new one on another slot, because the old slot's counters must be carried over before
 * the slot is reused.
 */
async function replaceDevice(
  { kernel, store, slots }: DatapathContext,
  pod: LivePod,
  namespace: PodNamespace,
  lost: DeviceRecord,
): Promise<void> {
  await deleteDevicePair(kernel, lost.slot);
  const slot = slots.allocate();
  let device: DeviceRecord;
  try {
    device = await store.addDevice(buildDeviceRecord(pod.record, lost.kind, lost.hooks, slot));
  } catch (error) {
    slots.release(slot);
    throw error;
  }
  pod.devices = [...pod.devices, device];
  await retireDevice(kernel, store, slots, pod, lost);
  await createPodDevice(kernel, namespace, pod.record, device);
}

/**
 * Brings one pod's store and devices to agree with the kernel when an agent starts.
 * @returns sentences of what was repaired, null for a pod that has ended
 */
export async function reconcilePodAtStart(context: DatapathContext, pod: LivePod): Promise<string[] | null> {
  if (await removePodIfNamespaceGone(context, pod)) return null;
  const done = await removeExtraDevices(context, pod);
  using namespace = openPodNamespace(pod.record);
  for (const difference of await detectPodDrift(context, pod, namespace)) {
    if (!difference.repair) continue;
    await difference.repair();
    done.push(`${difference.message}; repaired`);
  }
  await finishHookMove(context.kernel, pod.record, getCurrentDevice(pod));
  return done;
}

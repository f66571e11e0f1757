import { peerIfindex, primaryIfindex } from '../../bpf/slot-layout.ts';
import { getLink } from '../../netlink/link.ts';
import { listRoutes } from '../../netlink/route.ts';
import type { DeviceRecord } from '../../store/records.ts';
import { type DatapathContext, podName } from '../context.ts';
import { removeDevice } from '../device/device.ts';
import { finishHookMove } from '../device/move-hooks.ts';
import { moveRoutes } from '../device/network-state.ts';
import { stripPrefixLength } from '../device/next-hops.ts';
import { removeEndpoints, setEndpoints, writeSlotConfig } from '../device/our-programs.ts';
import type { KernelContext } from '../kernel-context.ts';
import { namespaceExists, openPodNamespace, type PodNamespace } from '../pod-namespaces.ts';
import { currentDevice, type LivePod } from '../pod-registry.ts';
import { connectPod, newDeviceRecord } from '../pods/connect-pod.ts';
import { makeCurrent, retireDevice } from '../pods/current-device.ts';
import { type Drift, detectDeviceDrift } from './drift.ts';

/**
 * Removes the endpoints, pins and record of a pod whose network namespace is gone, and with it the device.
 * @returns false when the namespace exists
 */
export async function removeIfNamespaceGone(
  { kernel, store }: DatapathContext,
  pod: LivePod,
): Promise<boolean> {
  if (namespaceExists(pod.record)) return false;
  removeEndpoints(kernel, pod.record);
  for (const device of pod.devices) await removeDevice(kernel, device.slot);
  await store.removePod(pod.record.id);
  return true;
}

/** Writes a pod's slots and endpoints to the BPF maps; before a program runs, since the maps may be new. */
export function writePodConfig(kernel: KernelContext, pod: LivePod): void {
  for (const device of pod.devices) writeSlotConfig(kernel, pod.record, device);
  setEndpoints(kernel, pod.record, currentDevice(pod));
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
  const routed = pod.devices.find((device) => primaryIfindex(device.slot) === route?.ifindex);
  if (routed) makeCurrent(pod, routed);
  setEndpoints(kernel, pod.record, currentDevice(pod));
  const removed: string[] = [];
  for (const extra of pod.devices.slice(0, -1)) {
    await moveRoutesToCurrent(context, pod, extra);
    await removeDevice(kernel, extra.slot);
    await retireDevice(kernel, store, slots, pod, extra);
    removed.push(`removed ${extra.primaryName}, a second device of ${podName(pod)}`);
  }
  return removed;
}

/** Moves the routes of a device to the current one before the device is deleted, which would delete them too. */
async function moveRoutesToCurrent(
  { kernel, log }: DatapathContext,
  pod: LivePod,
  extra: DeviceRecord,
): Promise<void> {
  const { slot } = currentDevice(pod);
  try {
    using namespace = openPodNamespace(pod.record);
    if (!(await getLink(namespace.socket, { ifindex: peerIfindex(slot) }))) return;
    await moveRoutes(namespace.socket, peerIfindex(extra.slot), peerIfindex(slot));
    await moveRoutes(kernel.host, primaryIfindex(extra.slot), primaryIfindex(slot));
  } catch (error) {
    // Missing routes are restored when the pod is reconciled.
    log.warn({ err: error, pod: pod.record.id }, 'routes of a second device');
  }
}

/**
 * Compares the pod's device with its record: the whole device is missing, or parts of it differ. Changes nothing.
 * @returns a repair for each difference
 */
export async function detectDrift(
  context: DatapathContext,
  pod: LivePod,
  namespace: PodNamespace,
): Promise<Drift[]> {
  const { kernel } = context;
  const device = currentDevice(pod);
  const primary = await getLink(kernel.host, { ifindex: primaryIfindex(device.slot) });
  const peer = await getLink(namespace.socket, { ifindex: peerIfindex(device.slot) });
  if (primary?.kind !== device.kind || peer === null)
    return [
      {
        key: 'device',
        message: `${device.primaryName} of ${podName(pod)} was deleted by another process`,
        repair: () => replaceDevice(context, pod, namespace, device),
      },
    ];
  return detectDeviceDrift({ kernel, namespace, pod: pod.record, device }, primary, peer);
}

/** Replaces a lost device by one on another slot: the old slot's counters must be carried before it is used again. */
async function replaceDevice(
  { kernel, store, slots }: DatapathContext,
  pod: LivePod,
  namespace: PodNamespace,
  lost: DeviceRecord,
): Promise<void> {
  await removeDevice(kernel, lost.slot);
  const slot = slots.allocate();
  let device: DeviceRecord;
  try {
    device = await store.addDevice(newDeviceRecord(pod.record, lost.kind, lost.hooks, slot));
  } catch (error) {
    slots.release(slot);
    throw error;
  }
  pod.devices = [...pod.devices, device];
  await retireDevice(kernel, store, slots, pod, lost);
  await connectPod(kernel, namespace, pod.record, device);
}

/**
 * Brings one pod's store and devices to agree with the kernel when an agent starts.
 * @returns sentences of what was repaired, null for a pod that has ended
 */
export async function reconcileAtStart(context: DatapathContext, pod: LivePod): Promise<string[] | null> {
  if (await removeIfNamespaceGone(context, pod)) return null;
  const done = await removeExtraDevices(context, pod);
  using namespace = openPodNamespace(pod.record);
  for (const difference of await detectDrift(context, pod, namespace)) {
    if (!difference.repair) continue;
    await difference.repair();
    done.push(`${difference.message}; repaired`);
  }
  await finishHookMove(context.kernel, pod.record, currentDevice(pod));
  return done;
}

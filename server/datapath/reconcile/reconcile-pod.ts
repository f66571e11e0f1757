import type { Condition } from '../../../contract/condition.ts';
import { getLink } from '../../netlink/link.ts';
import { listRoutes } from '../../netlink/route.ts';
import type { DeviceRecord } from '../../store/records.ts';
import { type DatapathContext, formatPodName } from '../datapath-context.ts';
import { deleteDevice, deleteDevicePair, deleteUnlessForeign } from '../device/device-pair.ts';
import { moveDeviceRoutes } from '../device/device-routes.ts';
import { stripPrefixLength } from '../device/pod-gateways.ts';
import { removeRedirectEndpoints, setRedirectEndpoints, writeSlotEntry } from '../device/podlane-programs.ts';
import { getPeerIfindex, getPrimaryIfindex, isForeignDevice } from '../device-indexes.ts';
import type { KernelContext } from '../kernel-context.ts';
import { openPodNamespace, type PodNamespace, podNamespaceExists } from '../pod-namespaces.ts';
import { getCurrentDevice, type LivePod } from '../pod-registry.ts';
import { buildDeviceRecord, createPodDevice } from '../pods/create-pod-device.ts';
import { retireDevice, setCurrentDevice } from '../pods/current-device.ts';
import { formatPeerMac } from '../slot-allocator.ts';
import { detectDeviceDrift } from './device-drift.ts';
import type { Drift } from './drift.ts';

/**
 * State of a pod's network namespace: `open` if it can be opened; `hidden` if it exists and cannot be found, for
 * example because only a descriptor of another process holds it; `gone`.
 */
export type PodNamespaceState = 'open' | 'hidden' | 'gone';

/**
 * Finds out whether a pod's network namespace still exists. The kernel deletes the devices of a namespace with it, so
 * one of whose devices the primary is left, and the peer is not on the host, is alive.
 */
export async function readPodNamespaceState(
  { kernel }: DatapathContext,
  pod: LivePod,
): Promise<PodNamespaceState> {
  if (podNamespaceExists(pod)) return 'open';
  for (const device of pod.devices) {
    const primary = await getLink(kernel.host, { ifindex: getPrimaryIfindex(device) });
    if (primary?.kind !== device.kind) continue;
    // Others' indexes identify an interface in its namespace only.
    const hidden = isForeignDevice(device)
      ? primary.peerNamespaceId !== null
      : (await getLink(kernel.host, { ifindex: getPeerIfindex(device) })) === null;
    if (hidden) return 'hidden';
  }
  return 'gone';
}

/**
 * Tells whether the device of an adopted pod is gone from its namespace: its runtime has removed it, and with it the pod.
 */
export async function isAdoptedDeviceGone({ kernel }: DatapathContext, pod: LivePod): Promise<boolean> {
  if (pod.record.adoption === null) return false;
  const device = getCurrentDevice(pod);
  const primary = await getLink(kernel.host, { ifindex: getPrimaryIfindex(device) });
  if (primary?.kind !== device.kind) return true;
  using namespace = openPodNamespace(pod);
  return (await getLink(namespace.socket, { ifindex: getPeerIfindex(device) })) === null;
}

/** Removes the endpoints, pins and record of a pod whose network namespace is gone, and with it the device. */
export async function removePodOfGoneNamespace(
  { kernel, store, releaseContainer }: DatapathContext,
  pod: LivePod,
): Promise<void> {
  await releaseContainer(pod);
  removeRedirectEndpoints(kernel, pod.record);
  for (const device of pod.devices) await deleteUnlessForeign(kernel, device);
  await store.removePod(pod.record.id);
}

/** Returns the condition of a pod whose namespace is not at its path; null if it is there. */
export function namespaceCondition(
  { record }: LivePod,
  state: Exclude<PodNamespaceState, 'gone'>,
  path: string,
): Omit<Condition, 'since'> | null {
  const { netnsPath, netnsInode } = record;
  if (state === 'hidden')
    return {
      reason: 'namespace_unreachable',
      message: `its namespace is not at ${netnsPath} any more, and no process that the agent sees is in it; its device still exists, so Podlane leaves it alone`,
      remedy: `Mount the namespace with inode ${netnsInode} at ${netnsPath} again, or detach the pod.`,
    };
  if (path === netnsPath) return null;
  return {
    reason: 'namespace_path_gone',
    message: `its namespace is not at ${netnsPath} any more; Podlane uses ${path}`,
    remedy: `Run: touch ${netnsPath} && mount --bind ${path} ${netnsPath}`,
  };
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
  const routed = pod.devices.find((device) => getPrimaryIfindex(device) === route?.ifindex);
  if (routed) setCurrentDevice(pod, routed);
  setRedirectEndpoints(kernel, pod.record, getCurrentDevice(pod));
  const removed: string[] = [];
  for (const extra of pod.devices.slice(0, -1)) {
    await moveRoutesToCurrent(context, pod, extra);
    await deleteDevice(kernel, extra);
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
  const current = getCurrentDevice(pod);
  try {
    using namespace = openPodNamespace(pod);
    if (!(await getLink(namespace.socket, { ifindex: getPeerIfindex(current) }))) return;
    await moveDeviceRoutes(namespace.socket, getPeerIfindex(extra), getPeerIfindex(current));
    await moveDeviceRoutes(kernel.host, getPrimaryIfindex(extra), getPrimaryIfindex(current));
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
): Promise<Drift[]> {
  const { kernel } = context;
  const device = getCurrentDevice(pod);
  const primary = await getLink(kernel.host, { ifindex: getPrimaryIfindex(device) });
  const peer = await getLink(namespace.socket, { ifindex: getPeerIfindex(device) });
  if (primary?.kind !== device.kind || peer === null)
    return [
      {
        key: 'device',
        reason: 'device_missing',
        message: `${device.primaryName} of ${formatPodName(pod)} was deleted by another process`,
        repair: () => replaceDevice(context, pod, namespace, device),
        remedy: 'Find the program that deletes it with: ip monitor link',
      },
    ];
  return detectDeviceDrift({ context, namespace, pod, device }, primary, peer);
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
  const slot = await slots.allocate();
  let device: DeviceRecord;
  try {
    const record = buildDeviceRecord(pod.record, lost.kind, lost.hooks, slot, lost.primaryName);
    // A MAC that the pod chose itself is known to its neighbors.
    const peerMac = lost.peerMac === formatPeerMac(lost.slot) ? record.peerMac : lost.peerMac;
    device = await store.addDevice({ ...record, peerMac });
  } catch (error) {
    slots.release(slot);
    throw error;
  }
  pod.devices = [...pod.devices, device];
  await retireDevice(kernel, store, slots, pod, lost);
  await createPodDevice(kernel, namespace, pod.record, device);
}

import { peerIfindex, primaryIfindex } from '../../bpf/layout.ts';
import { getLink, type Link } from '../../netlink/link.ts';
import { routes } from '../../netlink/route.ts';
import { type DatapathContext, nameOf } from '../context.ts';
import { removeDevice } from '../device/device.ts';
import { settleHooks } from '../device/move-hooks.ts';
import { moveRoutes } from '../device/network-state.ts';
import { bare } from '../device/next-hops.ts';
import { describeSlot, pointAt, pointNowhere } from '../device/our-programs.ts';
import type { Ground } from '../kernel-context.ts';
import { namespaceLives, openPodNamespace, type PodNamespace } from '../pod-namespaces.ts';
import { currentDevice, type LivePod } from '../pod-registry.ts';
import { connect, deviceRow } from '../pods/connect.ts';
import { closeDevice, makeCurrent } from '../pods/current-device.ts';
import type { DeviceRecord } from '../store.ts';
import { type Difference, findDrift } from './drift.ts';

/**
 * Closes a pod whose network namespace is gone: its device went with it.
 * @returns whether it was
 */
export async function closeIfGone({ ground, books }: DatapathContext, pod: LivePod): Promise<boolean> {
  if (namespaceLives(pod.record)) return false;
  pointNowhere(ground, pod.record);
  for (const device of pod.devices) await removeDevice(ground, device.slot);
  await books.removePod(pod.record.id);
  return true;
}

/** Tells the programs of a pod and its devices, before any of them runs: their maps may be new. */
export function describe(ground: Ground, pod: LivePod): void {
  for (const device of pod.devices) describeSlot(ground, pod.record, device);
  pointAt(ground, pod.record, currentDevice(pod));
}

/**
 * A pod has one device: of two, the one that the host's route names carries the traffic.
 * @returns sentences of what was removed
 */
export async function dropExtraDevices(core: DatapathContext, pod: LivePod): Promise<string[]> {
  if (pod.devices.length < 2) return [];
  const { ground, books, slots } = core;
  const address = bare(pod.record.network.addresses[0]!);
  const route = (await routes(ground.host)).find((each) => bare(each.destination) === address);
  const routed = pod.devices.find((device) => primaryIfindex(device.slot) === route?.ifindex);
  if (routed) makeCurrent(pod, routed);
  pointAt(ground, pod.record, currentDevice(pod));
  const removed: string[] = [];
  for (const extra of pod.devices.slice(0, -1)) {
    await takeRoutes(core, pod, extra);
    await removeDevice(ground, extra.slot);
    await closeDevice(ground, books, slots, pod, extra);
    removed.push(`removed ${extra.primaryName}, a second device of ${nameOf(pod)}`);
  }
  return removed;
}

/** A device takes its routes with it: those that lead through it move to the one that stays, if that is there. */
async function takeRoutes({ ground, log }: DatapathContext, pod: LivePod, extra: DeviceRecord): Promise<void> {
  const { slot } = currentDevice(pod);
  try {
    using namespace = openPodNamespace(pod.record);
    if (!(await getLink(namespace.socket, { ifindex: peerIfindex(slot) }))) return;
    await moveRoutes(namespace.socket, peerIfindex(extra.slot), peerIfindex(slot));
    await moveRoutes(ground.host, primaryIfindex(extra.slot), primaryIfindex(slot));
  } catch (error) {
    // What is missing then is put back when the pod is looked at.
    log.warn({ err: error, pod: pod.record.id }, 'routes of a second device');
  }
}

/**
 * What of the pod's device is not as it should be, each with its repair: the whole device gone, or parts of it.
 * Reads only.
 */
export async function differences(core: DatapathContext, pod: LivePod, namespace: PodNamespace): Promise<Difference[]> {
  const { ground } = core;
  const device = currentDevice(pod);
  const primary = await getLink(ground.host, { ifindex: primaryIfindex(device.slot) });
  const peer = await getLink(namespace.socket, { ifindex: peerIfindex(device.slot) });
  if (!whole(device, primary, peer))
    return [
      {
        key: 'device',
        sentence: `${device.primaryName} of ${nameOf(pod)} was deleted by someone else`,
        repair: () => replaceDevice(core, pod, namespace, device),
      },
    ];
  return findDrift({ ground, namespace, pod: pod.record, device }, primary!, peer!);
}

const whole = (device: DeviceRecord, primary: Link | null, peer: Link | null): boolean =>
  primary?.kind === device.kind && peer !== null;

/** The new device takes another slot: the old one's counters are carried before the slot can be used again. */
async function replaceDevice(
  { ground, books, slots }: DatapathContext,
  pod: LivePod,
  namespace: PodNamespace,
  lost: DeviceRecord,
): Promise<void> {
  await removeDevice(ground, lost.slot);
  const slot = slots.take();
  let device: DeviceRecord;
  try {
    device = await books.addDevice(deviceRow(pod.record, lost.kind, lost.hooks, slot));
  } catch (error) {
    slots.release(slot);
    throw error;
  }
  pod.devices = [...pod.devices, device];
  await closeDevice(ground, books, slots, pod, lost);
  await connect(ground, namespace, pod.record, device);
}

/**
 * Brings one pod's books and devices to agree with the kernel when an agent starts.
 * @returns sentences of what was repaired, null for a pod that has ended
 */
export async function reconcileAtStart(core: DatapathContext, pod: LivePod): Promise<string[] | null> {
  if (await closeIfGone(core, pod)) return null;
  const done = await dropExtraDevices(core, pod);
  using namespace = openPodNamespace(pod.record);
  for (const difference of await differences(core, pod, namespace)) {
    if (!difference.repair) continue;
    await difference.repair();
    done.push(`${difference.sentence}; repaired`);
  }
  await settleHooks(core.ground, pod.record, currentDevice(pod));
  return done;
}

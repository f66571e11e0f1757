import { primaryIfindex } from '../bpf/layout.ts';
import { getLink } from '../netlink/link.ts';
import { routes } from '../netlink/route.ts';
import { connect, deviceRow } from './attach.ts';
import type { Books, DeviceRecord } from './books.ts';
import { attachPrograms, bare, removeDevice } from './device.ts';
import type { Ground } from './ground.ts';
import { hooksOf } from './hooks.ts';
import { closeDevice, makeCurrent } from './pod-devices.ts';
import { namespaceLives, openPodNamespace } from './pod-namespace.ts';
import { currentDevice, type LivePod } from './registry.ts';
import type { Slots } from './slots.ts';

/** What reconciling found and did, as sentences for events. */
export type Finding = { kind: 'gone' | 'repaired'; message: string };

/**
 * Brings one pod's books and devices to agree with the kernel, which is right about what exists: a pod whose
 * namespace is gone is closed, a device beside the one routed to is removed, a missing one is made anew.
 */
export async function reconcilePod(
  ground: Ground,
  books: Books,
  slots: Slots,
  pod: LivePod,
): Promise<Finding[]> {
  const name = `${pod.record.namespace}/${pod.record.name}`;
  if (!namespaceLives(pod.record)) {
    for (const device of pod.devices) await removeDevice(ground, device.slot);
    await books.removePod(pod.record.id);
    pod.gone = true;
    return [{ kind: 'gone', message: `the namespace of ${name} at ${pod.record.netnsPath} is gone` }];
  }
  const findings: Finding[] = [];
  await chooseRouted(ground, pod);
  for (const extra of pod.devices.slice(0, -1)) {
    await removeDevice(ground, extra.slot);
    await closeDevice(ground, books, slots, pod, extra);
    findings.push({ kind: 'repaired', message: `removed ${extra.primaryName}, a second device of ${name}` });
  }
  const repaired = await repairDevice(ground, books, slots, pod);
  if (repaired) findings.push({ kind: 'repaired', message: `${repaired} of ${name}` });
  return findings;
}

/** Of two devices, the one that the host's route names carries the traffic. */
async function chooseRouted(ground: Ground, pod: LivePod): Promise<void> {
  if (pod.devices.length < 2) return;
  const route = (await routes(ground.host)).find(
    (each) => bare(each.destination) === bare(pod.record.address),
  );
  const routed = pod.devices.find((device) => primaryIfindex(device.slot) === route?.ifindex);
  if (routed) makeCurrent(pod, routed);
}

/** @returns what was done, or null when the device is whole */
async function repairDevice(
  ground: Ground,
  books: Books,
  slots: Slots,
  pod: LivePod,
): Promise<string | null> {
  const device = currentDevice(pod);
  const link = await getLink(ground.host, { ifindex: primaryIfindex(device.slot) });
  if (link?.kind === device.kind) return completeDevice(ground, pod, device);
  return replaceDevice(ground, books, slots, pod, device);
}

async function completeDevice(ground: Ground, pod: LivePod, device: DeviceRecord): Promise<string | null> {
  const routed = (await routes(ground.host, { ifindex: primaryIfindex(device.slot) })).some(
    (route) => bare(route.destination) === bare(pod.record.address),
  );
  if (!routed) {
    using namespace = openPodNamespace(pod.record);
    await connect(ground, namespace, pod.record, device);
    return `completed ${device.primaryName}`;
  }
  const pinned = ground.programs.attachedLinks().filter((each) => each.slot === device.slot).length;
  if (pinned === Object.keys(hooksOf[device.kind]).length) return null;
  await attachPrograms(ground, device.kind, device.slot, pod.record);
  return `attached the programs of ${device.primaryName} again`;
}

/** The new device takes another slot: the old one's counters are carried before the slot can be used again. */
async function replaceDevice(
  ground: Ground,
  books: Books,
  slots: Slots,
  pod: LivePod,
  lost: DeviceRecord,
): Promise<string> {
  using namespace = openPodNamespace(pod.record);
  await removeDevice(ground, lost.slot);
  const slot = slots.take();
  const device = await books.addDevice(deviceRow(pod.record.id, lost.kind, slot));
  pod.devices = [...pod.devices, device];
  await closeDevice(ground, books, slots, pod, lost);
  await connect(ground, namespace, pod.record, device);
  return `made ${device.primaryName} in the place of ${lost.primaryName}, which was gone,`;
}

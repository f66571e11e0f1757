import { isIpv6Text } from '../../../contract/cidr.ts';
import type { AttachedProgram, HookFamily } from '../../../contract/device.ts';
import { type SlotEntry, slotToPrimaryIfindex } from '../../bpf/datapath-structs.ts';
import type { DeviceRecord, PodRecord } from '../../store/records.ts';
import type { KernelContext } from '../kernel-context.ts';
import { stripPrefixLength } from './next-hops.ts';
import { podlaneProgramHooks } from './program-hooks.ts';
import { attachTcFilter, detachTcFilter, readTcFilterPrograms } from './tc-filter.ts';
import { anchorAmongUserPrograms, detachUserPrograms } from './user-hooks.ts';

/**
 * Builds the entry of a device in the BPF map `slots`: the source addresses that the pod may use, and the device's
 * hooks.
 */
export function buildSlotEntry(
  kernel: Pick<KernelContext, 'redirect'>,
  pod: Pick<PodRecord, 'number' | 'network'>,
  { primaryMac, peerMac, hooks }: Pick<DeviceRecord, 'primaryMac' | 'peerMac' | 'hooks'>,
): SlotEntry {
  const [address4, address6] = [false, true].map((six) =>
    pod.network.addresses.find((each) => isIpv6Text(each) === six),
  );
  return {
    owner: pod.number,
    ...(address4 ? { address4: stripPrefixLength(address4) } : {}),
    ...(address6 ? { address6: stripPrefixLength(address6) } : {}),
    hooks: hooks === 'netkit' ? 'device' : 'primary',
    redirect: kernel.redirect,
    macs: primaryMac && peerMac ? { toPod: peerMac, fromPod: primaryMac } : null,
  };
}

/** Writes the slot entry of a device; must be called before the device's programs see a packet. */
export function writeSlotEntry(kernel: KernelContext, pod: PodRecord, device: DeviceRecord): void {
  kernel.programs.setSlot(device.slot, buildSlotEntry(kernel, pod, device));
}

/** Redirects same-node packets for the pod's addresses to this device. */
export function setRedirectEndpoints(
  kernel: KernelContext,
  pod: PodRecord,
  { slot }: Pick<DeviceRecord, 'slot'>,
): void {
  for (const address of pod.network.addresses)
    kernel.programs.setEndpoint(stripPrefixLength(address), { slot, owner: pod.number });
}

/** Removes the pod's addresses from same-node redirect; must be called before the pod's last device is deleted. */
export function removeRedirectEndpoints(kernel: KernelContext, pod: PodRecord): void {
  for (const address of pod.network.addresses) kernel.programs.removeEndpoint(stripPrefixLength(address));
}

/** Writes the slot entry of a device and attaches Podlane's programs to the device's hooks. Idempotent. */
export async function attachPodlanePrograms(
  kernel: KernelContext,
  pod: PodRecord,
  device: DeviceRecord,
): Promise<void> {
  writeSlotEntry(kernel, pod, device);
  await attachHookFamily(kernel, device.slot, device.hooks);
}

/**
 * Attaches Podlane's programs to one hook family, ingress first, because a netkit peer with policy `blackhole`
 * forwards packets once its program is attached.
 */
export async function attachHookFamily(
  kernel: KernelContext,
  slot: number,
  family: HookFamily,
): Promise<void> {
  if (family === 'tc') {
    for (const direction of ['ingress', 'egress'] as const)
      await attachTcFilter(kernel, slotToPrimaryIfindex(slot), podlaneProgramHooks.tc[direction]);
    return;
  }
  for (const direction of ['ingress', 'egress'] as const) {
    const hook = podlaneProgramHooks[family][direction];
    await kernel.programs.attach(hook, slot, await anchorAmongUserPrograms(kernel, slot, hook));
  }
}

/** Detaches Podlane's programs and user programs from one hook family. Foreign programs remain attached. */
export async function detachHookFamily(
  kernel: KernelContext,
  slot: number,
  family: HookFamily,
): Promise<void> {
  await detachUserPrograms(kernel, slot, family);
  if (family === 'tc') {
    for (const direction of ['egress', 'ingress'] as const)
      await detachTcFilter(kernel, slotToPrimaryIfindex(slot), podlaneProgramHooks.tc[direction]);
    return;
  }
  await kernel.programs.detach(slot, [
    podlaneProgramHooks[family].egress,
    podlaneProgramHooks[family].ingress,
  ]);
}

/**
 * Removes the pins and the map entry of a slot whose device was deleted. The kernel deletes clsact filters with the
 * device.
 */
export async function releaseSlotPrograms(kernel: KernelContext, slot: number): Promise<void> {
  await kernel.programs.detach(slot);
  await kernel.userPins.detach(slot);
  kernel.programs.clearSlot(slot);
}

/** Reads all programs on a device's hooks in execution order, the egress hook first. */
export async function readAttachedPrograms(
  kernel: KernelContext,
  { slot, hooks }: Pick<DeviceRecord, 'slot' | 'hooks'>,
): Promise<AttachedProgram[]> {
  const both = await Promise.all(
    [podlaneProgramHooks[hooks].egress, podlaneProgramHooks[hooks].ingress].map((hook) =>
      hook === 'tc/ingress' || hook === 'tc/egress'
        ? readTcFilterPrograms(kernel, slotToPrimaryIfindex(slot), hook)
        : kernel.programs.query(slot, hook),
    ),
  );
  return both.flat().map((program) => {
    const user = kernel.userPins.find(program.id);
    return user === undefined ? program : { ...program, user: user.number };
  });
}

/** Lists the hooks of a device on which Podlane's program is missing. */
export async function findHooksWithoutPodlaneProgram(
  kernel: KernelContext,
  device: Pick<DeviceRecord, 'slot' | 'hooks'>,
): Promise<AttachedProgram['hook'][]> {
  const programs = await readAttachedPrograms(kernel, device);
  return Object.values(podlaneProgramHooks[device.hooks]).filter(
    (hook) => !programs.some((program) => program.ours && program.hook === hook),
  );
}

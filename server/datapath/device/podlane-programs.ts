import { isIpv6Text } from '../../../contract/cidr.ts';
import type { AttachedProgram, HookFamily } from '../../../contract/device.ts';
import { primaryIfindex, type SlotEntry } from '../../bpf/slot-layout.ts';
import type { DeviceRecord, PodRecord } from '../../store/records.ts';
import type { KernelContext } from '../kernel-context.ts';
import { programHooks } from './hooks.ts';
import { stripPrefixLength } from './next-hops.ts';
import { attachTcFilter, detachTcFilter, readTcFilterPrograms } from './tc-filter.ts';
import { anchorAmongUserPrograms, detachUserPrograms } from './user-hooks.ts';

/** Contents of a device's entry in the map `slots`: which packets the pod may send, and which hooks count them. */
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

/** Writes a device's slot entry, before its programs see a packet. */
export function writeSlotEntry(kernel: KernelContext, pod: PodRecord, device: DeviceRecord): void {
  kernel.programs.setSlot(device.slot, buildSlotEntry(kernel, pod, device));
}

/** Points the pod's addresses at this device: packets of this node are redirected to it. */
export function setRedirectEndpoints(
  kernel: KernelContext,
  pod: PodRecord,
  { slot }: Pick<DeviceRecord, 'slot'>,
): void {
  for (const address of pod.network.addresses)
    kernel.programs.setEndpoint(stripPrefixLength(address), { slot, owner: pod.number });
}

/** Removes the pod's addresses from redirection; to be called before its last device is deleted. */
export function removeRedirectEndpoints(kernel: KernelContext, pod: PodRecord): void {
  for (const address of pod.network.addresses) kernel.programs.removeEndpoint(stripPrefixLength(address));
}

/** Attaches Podlane's programs to the device's hooks, after writing the slot's configuration. Idempotent. */
export async function attachPodlanePrograms(
  kernel: KernelContext,
  pod: PodRecord,
  device: DeviceRecord,
): Promise<void> {
  writeSlotEntry(kernel, pod, device);
  await attachHookFamily(kernel, device.slot, device.hooks);
}

/** Attaches both programs to one family of hooks, ingress first: a netkit peer with policy blackhole opens last. */
export async function attachHookFamily(
  kernel: KernelContext,
  slot: number,
  family: HookFamily,
): Promise<void> {
  if (family === 'tc') {
    for (const direction of ['ingress', 'egress'] as const)
      await attachTcFilter(kernel, primaryIfindex(slot), programHooks.tc[direction]);
    return;
  }
  for (const direction of ['ingress', 'egress'] as const) {
    const hook = programHooks[family][direction];
    await kernel.programs.attach(hook, slot, await anchorAmongUserPrograms(kernel, slot, hook));
  }
}

/** Detaches Podlane's programs and user programs from one family of hooks, and leaves foreign ones. */
export async function detachHookFamily(
  kernel: KernelContext,
  slot: number,
  family: HookFamily,
): Promise<void> {
  await detachUserPrograms(kernel, slot, family);
  if (family === 'tc') {
    for (const direction of ['egress', 'ingress'] as const)
      await detachTcFilter(kernel, primaryIfindex(slot), programHooks.tc[direction]);
    return;
  }
  await kernel.programs.detach(slot, [programHooks[family].egress, programHooks[family].ingress]);
}

/** Removes pins and configuration of a slot whose device is gone. Filters of clsact went with the device. */
export async function releaseSlotPrograms(kernel: KernelContext, slot: number): Promise<void> {
  await kernel.programs.detach(slot);
  await kernel.userPins.detach(slot);
  kernel.programs.clearSlot(slot);
}

/** Reads every program on the device's hooks in order of execution, the egress hook first. */
export async function readAttachedPrograms(
  kernel: KernelContext,
  { slot, hooks }: Pick<DeviceRecord, 'slot' | 'hooks'>,
): Promise<AttachedProgram[]> {
  const both = await Promise.all(
    [programHooks[hooks].egress, programHooks[hooks].ingress].map((hook) =>
      hook === 'tc/ingress' || hook === 'tc/egress'
        ? readTcFilterPrograms(kernel, primaryIfindex(slot), hook)
        : kernel.programs.query(slot, hook),
    ),
  );
  return both.flat().map((program) => {
    const user = kernel.userPins.find(program.id);
    return user === undefined ? program : { ...program, user: user.number };
  });
}

/** Lists the device's hooks that Podlane's program is missing from. */
export async function findHooksWithoutPodlaneProgram(
  kernel: KernelContext,
  device: Pick<DeviceRecord, 'slot' | 'hooks'>,
): Promise<AttachedProgram['hook'][]> {
  const programs = await readAttachedPrograms(kernel, device);
  return Object.values(programHooks[device.hooks]).filter(
    (hook) => !programs.some((program) => program.ours && program.hook === hook),
  );
}

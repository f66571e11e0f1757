import { isIpv6Text } from '../../../contract/cidr.ts';
import type { AttachedProgram, Hook, HookFamily } from '../../../contract/device.ts';
import { anyEthertype } from '../../../contract/ethertypes.ts';
import type { SlotEntry } from '../../bpf/datapath-structs.ts';
import { type ProgramOnHook, queryHookPrograms } from '../../bpf/hook-query.ts';
import type { DeviceRecord, NewDeviceRecord, PodRecord } from '../../store/records.ts';
import type { KernelContext } from '../kernel-context.ts';
import { anchorAmongUserPrograms, detachUserPrograms } from './attach-user-programs.ts';
import { stripPrefixLength } from './pod-gateways.ts';
import { attachPodlaneTcFilter, detachPodlaneTcFilter, readTcFilterPrograms } from './podlane-tc-filter.ts';
import { podlaneProgramHooks } from './program-hooks.ts';

/** Hooks that count by hook family, as the map `slots` names them. */
export const countingHooks = { netkit: 'device', tcx: 'primary', tc: 'filters' } as const satisfies Record<
  HookFamily,
  SlotEntry['hooks']
>;

/**
 * Builds the entry of a device in the BPF map `slots`: the source addresses that the pod may use, and the device's
 * hooks.
 */
export function buildSlotEntry(
  kernel: Pick<KernelContext, 'redirect'>,
  pod: Pick<PodRecord, 'id' | 'number' | 'network' | 'adoption'>,
  device: Pick<NewDeviceRecord, 'primaryMac' | 'peerMac' | 'hooks' | 'foreignIfindexes'>,
): SlotEntry {
  const { primaryMac, peerMac, hooks } = device;
  const { checks } = pod.network;
  const redirect = kernel.redirect.appliesTo(pod.id);
  const [address4, address6] = [false, true].map((six) =>
    pod.network.addresses.find((each) => isIpv6Text(each) === six),
  );
  return {
    owner: pod.number,
    ...(address4 ? { address4: stripPrefixLength(address4) } : {}),
    ...(address6 ? { address6: stripPrefixLength(address6) } : {}),
    hooks: countingHooks[hooks],
    redirect,
    macs: primaryMac && peerMac ? { toPod: peerMac, fromPod: primaryMac } : null,
    check: checks.source === 'strict',
    sourcePrefixes: checks.sourcePrefixes.length > 0,
    ethertypes: checks.ethertypes.length > 0,
    anyEthertype: checks.ethertypes.includes(anyEthertype),
    // Firewalls of others separate the pods that others made; a redirected packet would pass them by.
    hostRouted: pod.adoption !== null && !redirect,
    foreignIfindex: device.foreignIfindexes?.primary ?? null,
  };
}

/** Writes the slot entry of a device; must be called before the device's programs see a packet. */
export function writeSlotEntry(kernel: KernelContext, pod: PodRecord, device: DeviceRecord): void {
  // Before the slot's flags have programs look for them.
  kernel.programs.setPacketChecks(pod.number, pod.network.checks);
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

/**
 * Removes the pod's addresses from same-node redirect, and its source prefixes and ethertypes; must be called before the
 * pod's last device is deleted.
 */
export function removeRedirectEndpoints(kernel: KernelContext, pod: PodRecord): void {
  kernel.programs.setPacketChecks(pod.number, null);
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
      await attachPodlaneTcFilter(
        kernel,
        kernel.programs.primaryIfindex(slot),
        podlaneProgramHooks.tc[direction],
      );
    return;
  }
  for (const direction of ['ingress', 'egress'] as const) {
    const hook = podlaneProgramHooks[family][direction];
    await kernel.programs.attach(
      hook,
      slot,
      await anchorAmongUserPrograms(kernel, kernel.programs.primaryIfindex(slot), hook),
    );
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
      await detachPodlaneTcFilter(
        kernel,
        kernel.programs.primaryIfindex(slot),
        podlaneProgramHooks.tc[direction],
      );
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
        ? readTcFilterPrograms(kernel, kernel.programs.primaryIfindex(slot), hook)
        : kernel.programs.query(slot, hook),
    ),
  );
  return both.flat().map((program) => {
    const user = kernel.userPins.find(program.id);
    return user === undefined ? program : { ...program, user: user.number };
  });
}

/** Lists the programs on one hook of a slot's device by their ids, which costs less than describing them. */
export async function listProgramsOnHook(
  kernel: KernelContext,
  slot: number,
  hook: Hook,
): Promise<ProgramOnHook[]> {
  const ifindex = kernel.programs.primaryIfindex(slot);
  if (hook !== 'tc/ingress' && hook !== 'tc/egress') return queryHookPrograms(ifindex, hook);
  const programs = await readTcFilterPrograms(kernel, ifindex, hook);
  return programs.map(({ id, linkId }) => ({ programId: id, linkId }));
}

/** Lists the hooks of a device on which Podlane's program is missing. @throws ProblemError `device_missing` */
export async function findHooksWithoutPodlaneProgram(
  kernel: KernelContext,
  { slot, hooks }: Pick<DeviceRecord, 'slot' | 'hooks'>,
): Promise<Hook[]> {
  const { egress, ingress } = podlaneProgramHooks[hooks];
  const found = await Promise.all(
    [egress, ingress].map(async (hook) => ({ hook, programs: await listProgramsOnHook(kernel, slot, hook) })),
  );
  return found
    .filter(({ programs }) => !programs.some(({ programId }) => kernel.programs.isOurs(programId)))
    .map(({ hook }) => hook);
}

/** Lists the hooks of a device whose link is not pinned. Filters of clsact are no links. */
export const listUnpinnedHooks = (
  { programs }: KernelContext,
  { slot, hooks }: Pick<DeviceRecord, 'slot' | 'hooks'>,
): Hook[] =>
  hooks === 'tc'
    ? []
    : Object.values(podlaneProgramHooks[hooks]).filter((hook) => !programs.isLinkPinned(slot, hook));

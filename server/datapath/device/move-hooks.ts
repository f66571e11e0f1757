import type { HookFamily } from '../../../contract/device.ts';
import { ProblemError } from '../../../contract/problem.ts';
import { slotToPrimaryIfindex } from '../../bpf/datapath-structs.ts';
import { setNetkitPolicies } from '../../netlink/netkit.ts';
import type { DeviceRecord } from '../../store/records.ts';
import type { DatapathContext } from '../datapath-context.ts';
import type { KernelContext } from '../kernel-context.ts';
import { getCurrentDevice, type LivePod } from '../pod-registry.ts';
import { attachUserPrograms } from './attach-user-programs.ts';
import { chooseNetkitPolicy } from './device-pair.ts';
import {
  attachHookFamily,
  detachHookFamily,
  findHooksWithoutPodlaneProgram,
  writeSlotEntry,
} from './podlane-programs.ts';

/**
 * Moves Podlane's programs of a netkit device between its own hooks and those of its primary, under traffic. While
 * both places have programs, both evaluate the rules and one of them counts, so that no packet passes unchecked. The
 * policy of an end changes while the end has programs, since it has no effect then.
 * @param what the operation and its pod, for errors
 * @throws ProblemError `already_there`, `not_netkit`, `kernel_refused`
 */
export async function moveProgramsToHooks(
  context: DatapathContext,
  pod: LivePod,
  to: 'device' | 'primary',
  what: string,
): Promise<void> {
  const { kernel } = context;
  const device = getCurrentDevice(pod);
  const family: HookFamily = to === 'device' ? 'netkit' : kernel.primaryHooks;
  if (device.kind !== 'netkit')
    throw new ProblemError('not_netkit', `${what}: ${device.primaryName} is a ${device.kind} device`, {
      hint: 'The programs of a veth device are on its primary already.',
    });
  if (device.hooks === family)
    throw new ProblemError('already_there', `${what}: they are on ${family} already`, {
      hint: 'Nothing to do.',
    });
  await moveProgramsToFamily(context, pod, family, what);
}

/**
 * Moves Podlane's programs of a device from its hook family to another, under traffic, as `moveProgramsToHooks` does.
 * @throws ProblemError `kernel_refused`
 */
export async function moveProgramsToFamily(
  { kernel, store }: DatapathContext,
  pod: LivePod,
  family: HookFamily,
  what: string,
): Promise<void> {
  const device = getCurrentDevice(pod);
  const from = device.hooks;
  try {
    await attachHookFamily(kernel, device.slot, family);
    await attachUserPrograms(kernel, pod.record.number, { slot: device.slot, hooks: family });
    await store.moveHooks(device.id, family);
  } catch (error) {
    await detachHookFamily(kernel, device.slot, family);
    throw error;
  }
  // The store now names the new hooks: an agent that is killed here finishes the move when it starts.
  device.hooks = family;
  await finishHookMove(kernel, pod, device);
  const missing = await findHooksWithoutPodlaneProgram(kernel, device);
  if (missing.length > 0)
    throw new ProblemError(
      'kernel_refused',
      `${what}: Podlane's program is not on ${missing.join(' and ')}`,
      {
        hint: `Another process may have detached it. The programs were on ${from}.`,
      },
    );
}

/**
 * Completes an interrupted move between hooks: detaches the programs from every hook family except the device's own. Where
 * the kernel has tcx, only containers have had programs in clsact filters.
 */
export async function finishHookMove(
  kernel: KernelContext,
  { record, container }: Pick<LivePod, 'record' | 'container'>,
  device: DeviceRecord,
): Promise<void> {
  if (device.kind !== 'netkit' && container === null) return;
  writeSlotEntry(kernel, record, device);
  if (device.kind === 'netkit')
    await setNetkitPolicies(
      kernel.host,
      slotToPrimaryIfindex(device.slot),
      chooseNetkitPolicy(record.network, device),
    );
  const families = [
    ...(device.kind === 'netkit' ? (['netkit'] as const) : []),
    'tcx' as const,
    ...(kernel.primaryHooks === 'tc' || container !== null ? (['tc'] as const) : []),
  ];
  for (const family of families)
    if (family !== device.hooks) await detachHookFamily(kernel, device.slot, family);
}

import type { HookFamily } from '../../../contract/device.ts';
import { ProblemError } from '../../../contract/problem.ts';
import type { AttachAnchor } from '../../bpf/attach-anchor.ts';
import { BpfError } from '../../bpf/bpf-error.ts';
import type { LinkHook } from '../../bpf/hook.ts';
import { queryHookPrograms } from '../../bpf/hook-query.ts';
import type { UserProgramPin } from '../../bpf/user-program-pins.ts';
import { addClsactQdisc } from '../../netlink/clsact.ts';
import { isNetlinkError } from '../../netlink/netlink-error.ts';
import {
  deleteTcBpfFilter,
  listTcFilters,
  replaceTcBpfFilter,
  type TcHook,
} from '../../netlink/tc-filter.ts';
import type { DeviceRecord } from '../../store/records.ts';
import { getPrimaryIfindex, type IndexedDevice } from '../device-indexes.ts';
import type { KernelContext } from '../kernel-context.ts';
import { podlaneFilterPriority } from './podlane-tc-filter.ts';
import { podlaneProgramHooks } from './program-hooks.ts';

type Hooked = IndexedDevice & Pick<DeviceRecord, 'hooks'>;

/** Handle that identifies the tc filters of user programs on clsact hooks. */
export const userProgramFilterHandle = 0x7075;
/**
 * Returns the tc filter priority of a user program: below Podlane's if the program runs before Podlane's program, above
 * otherwise.
 */
export const userProgramFilterPriority = ({ place, number }: UserProgramPin): number =>
  podlaneFilterPriority + (place === 'before' ? number - 50 : number + 50);

/** Attaches the pod's user programs to a device on which Podlane's programs are already attached. Idempotent. */
export async function attachUserPrograms(
  kernel: KernelContext,
  owner: number,
  device: Hooked,
): Promise<void> {
  for (const pinned of kernel.userPins.of(owner)) await attachUserProgram(kernel, pinned, device);
}

/**
 * Attaches a user program to a device's hook, before or after Podlane's program.
 * @throws ProblemError `device_missing`, `kernel_refused`
 */
export async function attachUserProgram(
  kernel: KernelContext,
  pinned: UserProgramPin,
  device: Hooked,
): Promise<void> {
  const hook = podlaneProgramHooks[device.hooks][pinned.direction];
  const ifindex = getPrimaryIfindex(device);
  try {
    if (hook === 'tc/ingress' || hook === 'tc/egress') await attachFilter(kernel, pinned, ifindex, hook);
    else
      await kernel.userPins.attach(
        pinned,
        hook,
        { slot: device.slot, ifindex },
        await findUserProgramAnchor(kernel, pinned, ifindex, hook),
      );
  } catch (error) {
    if (!isDeviceGone(error)) throw error;
    throw new ProblemError('device_missing', error.message, {
      cause: error,
      hint: 'Another process has deleted the device. Try again when the agent has replaced it.',
    });
  }
}

const isDeviceGone = (error: unknown): error is Error =>
  error instanceof BpfError ? error.errnoName === 'ENODEV' : isNetlinkError(error, 'ENODEV');

/** Returns the anchor of a user program: immediately before Podlane's program, or at the end of the hook. */
async function findUserProgramAnchor(
  kernel: KernelContext,
  { place }: UserProgramPin,
  ifindex: number,
  hook: LinkHook,
): Promise<AttachAnchor> {
  if (place === 'after') return 'tail';
  const found = await queryHookPrograms(ifindex, hook);
  const ours = found.find(({ programId }) => kernel.programs.isOurs(programId));
  return ours ? { before: { programId: ours.programId } } : 'head';
}

/**
 * Returns the anchor of Podlane's program on a hook with user programs: before the first one that must run after it.
 */
export async function anchorAmongUserPrograms(
  kernel: KernelContext,
  ifindex: number,
  hook: LinkHook,
): Promise<AttachAnchor> {
  if (kernel.userPins.owners().size === 0) return 'tail';
  const found = await queryHookPrograms(ifindex, hook);
  const after = found.find(({ programId }) => kernel.userPins.find(programId)?.place === 'after');
  return after ? { before: { programId: after.programId } } : 'tail';
}

async function attachFilter(
  kernel: KernelContext,
  pinned: UserProgramPin,
  ifindex: number,
  hook: TcHook,
): Promise<void> {
  await addClsactQdisc(kernel.host, ifindex).catch((error: unknown) => {
    if (!isNetlinkError(error, 'EEXIST')) throw error;
  });
  await kernel.userPins.withProgram(pinned, (program) =>
    replaceTcBpfFilter(kernel.host, ifindex, hook, {
      priority: userProgramFilterPriority(pinned),
      handle: userProgramFilterHandle,
      program,
      name: `user${pinned.number}`,
    }),
  );
}

/** Detaches user programs from one hook family of the device on a slot. */
export async function detachUserPrograms(
  kernel: KernelContext,
  slot: number,
  family: HookFamily,
): Promise<void> {
  const ifindex = kernel.programs.primaryIfindex(slot);
  if (family !== 'tc')
    return kernel.userPins.detach(slot, [
      podlaneProgramHooks[family].egress,
      podlaneProgramHooks[family].ingress,
    ]);
  if (kernel.userPins.owners().size === 0) return;
  for (const hook of [podlaneProgramHooks.tc.egress, podlaneProgramHooks.tc.ingress])
    for (const { priority, handle } of await listTcFilters(kernel.host, ifindex, hook))
      if (handle === userProgramFilterHandle)
        await deleteTcBpfFilter(kernel.host, ifindex, hook, { priority, handle });
}

/** Detaches a user program from all devices of a pod and removes its pins. */
export async function removeUserProgram(
  kernel: KernelContext,
  pinned: UserProgramPin,
  devices: readonly Hooked[],
): Promise<void> {
  for (const device of devices) {
    if (device.hooks !== 'tc') continue;
    const ifindex = getPrimaryIfindex(device);
    const hook = podlaneProgramHooks.tc[pinned.direction];
    const place = { priority: userProgramFilterPriority(pinned), handle: userProgramFilterHandle };
    const found = await listTcFilters(kernel.host, ifindex, hook);
    if (found.some(({ priority, handle }) => priority === place.priority && handle === place.handle))
      await deleteTcBpfFilter(kernel.host, ifindex, hook, place);
  }
  await kernel.userPins.remove(pinned);
}

/** Removes the pins of all user programs of a pod whose devices were deleted. */
export async function removeAllUserPrograms(
  { userPins }: Pick<KernelContext, 'userPins'>,
  owner: number,
): Promise<void> {
  for (const pinned of userPins.of(owner)) await userPins.remove(pinned);
}

import type { HookFamily } from '../../../contract/device.ts';
import type { AttachAnchor } from '../../bpf/anchor.ts';
import type { LinkHook } from '../../bpf/hook.ts';
import { queryHookPrograms } from '../../bpf/hook-query.ts';
import { primaryIfindex } from '../../bpf/slot-layout.ts';
import type { UserProgramPin } from '../../bpf/user-program-pins.ts';
import { addClsact } from '../../netlink/clsact.ts';
import { isNetlinkError } from '../../netlink/error.ts';
import { deleteBpfFilter, listTcFilters, replaceBpfFilter, type TcHook } from '../../netlink/tc-filter.ts';
import type { DeviceRecord } from '../../store/records.ts';
import type { KernelContext } from '../kernel-context.ts';
import { programHooks } from './hooks.ts';
import { podlaneFilterPriority } from './tc-filter.ts';

type Hooked = Pick<DeviceRecord, 'slot' | 'hooks'>;

/** Handle that marks the filters of user programs on clsact hooks. */
export const userProgramFilterHandle = 0x7075;
/** Returns a priority below or above Podlane's filter. */
export const userProgramFilterPriority = ({ place, number }: UserProgramPin): number =>
  podlaneFilterPriority + (place === 'before' ? number - 50 : number + 50);

/** Attaches the pod's user programs to the device, beside Podlane's, which is attached already. Idempotent. */
export async function attachUserPrograms(
  kernel: KernelContext,
  owner: number,
  device: Hooked,
): Promise<void> {
  for (const pinned of kernel.userPins.of(owner)) await attachUserProgram(kernel, pinned, device);
}

/** Attaches a user program to the device's hook of its direction, before or after Podlane's. @throws ProblemError `kernel_refused` */
export async function attachUserProgram(
  kernel: KernelContext,
  pinned: UserProgramPin,
  { slot, hooks }: Hooked,
): Promise<void> {
  const hook = programHooks[hooks][pinned.direction];
  if (hook === 'tc/ingress' || hook === 'tc/egress') await attachFilter(kernel, pinned, slot, hook);
  else
    await kernel.userPins.attach(pinned, hook, slot, await findUserProgramAnchor(kernel, pinned, slot, hook));
}

/** Anchors a program immediately before Podlane's, or at the end of the hook. */
async function findUserProgramAnchor(
  kernel: KernelContext,
  { place }: UserProgramPin,
  slot: number,
  hook: LinkHook,
): Promise<AttachAnchor> {
  if (place === 'after') return 'tail';
  const found = await queryHookPrograms(primaryIfindex(slot), hook);
  const ours = found.find(({ programId }) => kernel.programs.isOurs(programId));
  return ours ? { before: { programId: ours.programId } } : 'head';
}

/** Anchors Podlane's program on a hook that has user programs: before the first that belongs after it. */
export async function anchorAmongUserPrograms(
  kernel: KernelContext,
  slot: number,
  hook: LinkHook,
): Promise<AttachAnchor> {
  if (kernel.userPins.owners().size === 0) return 'tail';
  const found = await queryHookPrograms(primaryIfindex(slot), hook);
  const after = found.find(({ programId }) => kernel.userPins.find(programId)?.place === 'after');
  return after ? { before: { programId: after.programId } } : 'tail';
}

async function attachFilter(
  kernel: KernelContext,
  pinned: UserProgramPin,
  slot: number,
  hook: TcHook,
): Promise<void> {
  const ifindex = primaryIfindex(slot);
  await addClsact(kernel.host, ifindex).catch((error: unknown) => {
    if (!isNetlinkError(error, 'EEXIST')) throw error;
  });
  await kernel.userPins.withProgram(pinned, (program) =>
    replaceBpfFilter(kernel.host, ifindex, hook, {
      priority: userProgramFilterPriority(pinned),
      handle: userProgramFilterHandle,
      program,
      name: `user${pinned.number}`,
    }),
  );
}

/** Detaches user programs from one family of hooks of a slot's device. */
export async function detachUserPrograms(
  kernel: KernelContext,
  slot: number,
  family: HookFamily,
): Promise<void> {
  if (family !== 'tc')
    return kernel.userPins.detach(slot, [programHooks[family].egress, programHooks[family].ingress]);
  if (kernel.userPins.owners().size === 0) return;
  for (const hook of [programHooks.tc.egress, programHooks.tc.ingress])
    for (const { priority, handle } of await listTcFilters(kernel.host, primaryIfindex(slot), hook))
      if (handle === userProgramFilterHandle)
        await deleteBpfFilter(kernel.host, primaryIfindex(slot), hook, { priority, handle });
}

/** Detaches a user program from all devices of the pod and removes its pins. */
export async function removeUserProgram(
  kernel: KernelContext,
  pinned: UserProgramPin,
  devices: readonly Hooked[],
): Promise<void> {
  for (const { slot, hooks } of devices) {
    if (hooks !== 'tc') continue;
    const hook = programHooks.tc[pinned.direction];
    const place = { priority: userProgramFilterPriority(pinned), handle: userProgramFilterHandle };
    const found = await listTcFilters(kernel.host, primaryIfindex(slot), hook);
    if (found.some(({ priority, handle }) => priority === place.priority && handle === place.handle))
      await deleteBpfFilter(kernel.host, primaryIfindex(slot), hook, place);
  }
  await kernel.userPins.remove(pinned);
}

/** Removes all user programs of a pod whose devices are gone. */
export async function removeAllUserPrograms(
  { userPins }: Pick<KernelContext, 'userPins'>,
  owner: number,
): Promise<void> {
  for (const pinned of userPins.of(owner)) await userPins.remove(pinned);
}

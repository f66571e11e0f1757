import type { HookFamily } from '../../../contract/device.ts';
import type { Anchor } from '../../bpf/anchor.ts';
import { type LinkHook, queryHook } from '../../bpf/hook-query.ts';
import { primaryIfindex } from '../../bpf/slot-layout.ts';
import type { UserProgramPin } from '../../bpf/user-program-pins.ts';
import { addClsact } from '../../netlink/clsact.ts';
import { isNetlinkError } from '../../netlink/error.ts';
import { deleteBpfFilter, listTcFilters, replaceBpfFilter, type TcHook } from '../../netlink/tc-filter.ts';
import type { DeviceRecord } from '../../store/records.ts';
import type { KernelContext } from '../kernel-context.ts';
import { hooksOf } from './hooks.ts';
import { ourFilterPriority } from './tc-filter.ts';

type Hooked = Pick<DeviceRecord, 'slot' | 'hooks'>;

/** Filters of users' programs on clsact hooks: known by their handle, ordered by a priority under or over ours. */
export const userFilterHandle = 0x7075;
export const userFilterPriority = ({ place, number }: UserProgramPin): number =>
  ourFilterPriority + (place === 'before' ? number - 50 : number + 50);

/** Puts the pod's users' programs on the device, beside ours, which is there. Those that are there stay. */
export async function attachUserPrograms(
  kernel: KernelContext,
  owner: number,
  device: Hooked,
): Promise<void> {
  for (const pinned of kernel.userPins.of(owner)) await attachUserProgram(kernel, pinned, device);
}

/** Puts one on the device's hook of its direction, in its place by ours. @throws ProblemError `kernel_refused` */
export async function attachUserProgram(
  kernel: KernelContext,
  pinned: UserProgramPin,
  { slot, hooks }: Hooked,
): Promise<void> {
  const hook = hooksOf[hooks][pinned.direction];
  if (hook === 'tc/ingress' || hook === 'tc/egress') await putFilter(kernel, pinned, slot, hook);
  else await kernel.userPins.attach(pinned, hook, slot, await orderOf(kernel, pinned, slot, hook));
}

/** Those before ours go right before it, those after ours to the end. */
async function orderOf(
  kernel: KernelContext,
  { place }: UserProgramPin,
  slot: number,
  hook: LinkHook,
): Promise<Anchor> {
  if (place === 'after') return 'last';
  const there = await queryHook(primaryIfindex(slot), hook);
  const ours = there.find(({ programId }) => kernel.programs.isOurs(programId));
  return ours ? { before: { programId: ours.programId } } : 'first';
}

/** Where ours go when they come back to a hook that users' programs are on: before those that are to be after them. */
export async function orderAmongUserPrograms(
  kernel: KernelContext,
  slot: number,
  hook: LinkHook,
): Promise<Anchor> {
  if (kernel.userPins.owners().size === 0) return 'last';
  const there = await queryHook(primaryIfindex(slot), hook);
  const after = there.find(({ programId }) => kernel.userPins.find(programId)?.place === 'after');
  return after ? { before: { programId: after.programId } } : 'last';
}

async function putFilter(
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
      priority: userFilterPriority(pinned),
      handle: userFilterHandle,
      program,
      name: `user${pinned.number}`,
    }),
  );
}

/** Takes users' programs off one family of hooks of a slot's device. */
export async function detachUserPrograms(
  kernel: KernelContext,
  slot: number,
  family: HookFamily,
): Promise<void> {
  if (family !== 'tc') return kernel.userPins.detach(slot, [hooksOf[family].egress, hooksOf[family].ingress]);
  if (kernel.userPins.owners().size === 0) return;
  for (const hook of [hooksOf.tc.egress, hooksOf.tc.ingress])
    for (const { priority, handle } of await listTcFilters(kernel.host, primaryIfindex(slot), hook))
      if (handle === userFilterHandle)
        await deleteBpfFilter(kernel.host, primaryIfindex(slot), hook, { priority, handle });
}

/** Takes one off all of the pod's devices, and lets it go. */
export async function removeUserProgram(
  kernel: KernelContext,
  pinned: UserProgramPin,
  devices: readonly Hooked[],
): Promise<void> {
  for (const { slot, hooks } of devices) {
    if (hooks !== 'tc') continue;
    const hook = hooksOf.tc[pinned.direction];
    const place = { priority: userFilterPriority(pinned), handle: userFilterHandle };
    const there = await listTcFilters(kernel.host, primaryIfindex(slot), hook);
    if (there.some(({ priority, handle }) => priority === place.priority && handle === place.handle))
      await deleteBpfFilter(kernel.host, primaryIfindex(slot), hook, place);
  }
  await kernel.userPins.remove(pinned);
}

/** Lets go of all of a pod that is no longer: its devices are gone, or go. */
export async function removeAllUserPrograms(
  { userPins: users }: Pick<KernelContext, 'userPins'>,
  owner: number,
): Promise<void> {
  for (const pinned of users.of(owner)) await users.remove(pinned);
}

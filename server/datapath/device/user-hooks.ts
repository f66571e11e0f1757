import type { HookFamily } from '../../../contract/device.ts';
import { primaryIfindex } from '../../bpf/layout.ts';
import type { HookOrder } from '../../bpf/order.ts';
import { type LinkHook, queryHook } from '../../bpf/query.ts';
import type { UserPin } from '../../bpf/user-pins.ts';
import { refusedWith } from '../../netlink/error.ts';
import { addClsact, deleteBpfFilter, filters, replaceBpfFilter, type TcHook } from '../../netlink/filter.ts';
import type { Ground } from '../kernel-context.ts';
import type { DeviceRecord } from '../store.ts';
import { clsactPriority } from './clsact.ts';
import { hooksOf } from './hooks.ts';

type Hooked = Pick<DeviceRecord, 'slot' | 'hooks'>;

/** Filters of users' programs on clsact hooks: known by their handle, ordered by a priority under or over ours. */
const userHandle = 0x7075;
const priorityOf = ({ place, number }: UserPin): number =>
  clsactPriority + (place === 'before' ? number - 50 : number + 50);

/** Puts the pod's users' programs on the device, beside ours, which is there. Those that are there stay. */
export async function attachUsers(ground: Ground, owner: number, device: Hooked): Promise<void> {
  for (const pinned of ground.users.of(owner)) await attachUser(ground, pinned, device);
}

/** Puts one on the device's hook of its direction, in its place by ours. @throws ProblemError `kernel_refused` */
export async function attachUser(ground: Ground, pinned: UserPin, { slot, hooks }: Hooked): Promise<void> {
  const hook = hooksOf[hooks][pinned.direction];
  if (hook === 'tc/ingress' || hook === 'tc/egress') await putFilter(ground, pinned, slot, hook);
  else await ground.users.attach(pinned, hook, slot, await orderOf(ground, pinned, slot, hook));
}

/** Those before ours go right before it, those after ours to the end. */
async function orderOf(ground: Ground, { place }: UserPin, slot: number, hook: LinkHook): Promise<HookOrder> {
  if (place === 'after') return 'last';
  const there = await queryHook(primaryIfindex(slot), hook);
  const ours = there.find(({ programId }) => ground.programs.isOurs(programId));
  return ours ? { before: { programId: ours.programId } } : 'first';
}

/** Where ours go when they come back to a hook that users' programs are on: before those that are to be after them. */
export async function orderBesideUsers(ground: Ground, slot: number, hook: LinkHook): Promise<HookOrder> {
  if (ground.users.owners().size === 0) return 'last';
  const there = await queryHook(primaryIfindex(slot), hook);
  const after = there.find(({ programId }) => ground.users.find(programId)?.place === 'after');
  return after ? { before: { programId: after.programId } } : 'last';
}

async function putFilter(ground: Ground, pinned: UserPin, slot: number, hook: TcHook): Promise<void> {
  const ifindex = primaryIfindex(slot);
  await addClsact(ground.host, ifindex).catch((error: unknown) => {
    if (!refusedWith(error, 'EEXIST')) throw error;
  });
  await ground.users.withProgram(pinned, (program) =>
    replaceBpfFilter(ground.host, ifindex, hook, {
      priority: priorityOf(pinned),
      handle: userHandle,
      program,
      name: `user${pinned.number}`,
    }),
  );
}

/** Takes users' programs off one family of hooks of a slot's device. */
export async function detachUsers(ground: Ground, slot: number, family: HookFamily): Promise<void> {
  if (family !== 'tc') return ground.users.detach(slot, [hooksOf[family].out, hooksOf[family].in]);
  if (ground.users.owners().size === 0) return;
  for (const hook of [hooksOf.tc.out, hooksOf.tc.in])
    for (const { priority, handle } of await filters(ground.host, primaryIfindex(slot), hook))
      if (handle === userHandle)
        await deleteBpfFilter(ground.host, primaryIfindex(slot), hook, { priority, handle });
}

/** Takes one off all of the pod's devices, and lets it go. */
export async function removeUser(ground: Ground, pinned: UserPin, devices: readonly Hooked[]): Promise<void> {
  for (const { slot, hooks } of devices) {
    if (hooks !== 'tc') continue;
    const hook = hooksOf.tc[pinned.direction];
    const place = { priority: priorityOf(pinned), handle: userHandle };
    const there = await filters(ground.host, primaryIfindex(slot), hook);
    if (there.some(({ priority, handle }) => priority === place.priority && handle === place.handle))
      await deleteBpfFilter(ground.host, primaryIfindex(slot), hook, place);
  }
  await ground.users.remove(pinned);
}

/** Lets go of all of a pod that is no longer: its devices are gone, or go. */
export async function forgetUsers({ users }: Pick<Ground, 'users'>, owner: number): Promise<void> {
  for (const pinned of users.of(owner)) await users.remove(pinned);
}

import type { AttachedProgram, HookFamily } from '../../../contract/device.ts';
import { isIpv6 } from '../../../contract/network.ts';
import { primaryIfindex } from '../../bpf/layout.ts';
import type { Ground } from '../kernel-context.ts';
import type { DeviceRecord, PodRecord } from '../store.ts';
import { clsactPrograms, detachClsact, putClsact } from './clsact.ts';
import { hooksOf } from './hooks.ts';
import { bare } from './next-hops.ts';
import { detachUsers, orderBesideUsers } from './user-hooks.ts';

/** Which packets the pod may send from the device, and which of its hooks count them. */
export function describeSlot(ground: Ground, pod: PodRecord, device: DeviceRecord): void {
  const { primaryMac, peerMac, slot, hooks } = device;
  const [address4, address6] = [false, true].map((six) =>
    pod.network.addresses.find((each) => isIpv6(each) === six),
  );
  ground.programs.setSlot(slot, {
    owner: pod.number,
    ...(address4 ? { address4: bare(address4) } : {}),
    ...(address6 ? { address6: bare(address6) } : {}),
    hooks: hooks === 'netkit' ? 'device' : 'primary',
    redirect: ground.redirect,
    macs: primaryMac && peerMac ? { toPod: peerMac, fromPod: primaryMac } : null,
  });
}

/** From now on packets of this node to the pod's addresses may take the short way to this device. */
export function pointAt(ground: Ground, pod: PodRecord, { slot }: Pick<DeviceRecord, 'slot'>): void {
  for (const address of pod.network.addresses)
    ground.programs.setEndpoint(bare(address), { slot, owner: pod.number });
}

/** The pod's addresses lead nowhere: to be called before its last device goes. */
export function pointNowhere(ground: Ground, pod: PodRecord): void {
  for (const address of pod.network.addresses) ground.programs.removeEndpoint(bare(address));
}

/** Puts our programs on the device's hooks; those that are there stay. What may leave is set before a packet can. */
export async function attachPrograms(ground: Ground, pod: PodRecord, device: DeviceRecord): Promise<void> {
  describeSlot(ground, pod, device);
  await attachFamily(ground, device.slot, device.hooks);
}

/** Our two programs on one family of hooks, the way in first: a netkit peer that is a black hole opens last. */
export async function attachFamily(ground: Ground, slot: number, family: HookFamily): Promise<void> {
  if (family === 'tc') {
    for (const direction of ['in', 'out'] as const)
      await putClsact(ground, primaryIfindex(slot), hooksOf.tc[direction]);
    return;
  }
  for (const direction of ['in', 'out'] as const) {
    const hook = hooksOf[family][direction];
    await ground.programs.attach(hook, slot, await orderBesideUsers(ground, slot, hook));
  }
}

/** Takes our two programs off one family of hooks, and those of users, which go with them; nobody else's. */
export async function detachFamily(ground: Ground, slot: number, family: HookFamily): Promise<void> {
  await detachUsers(ground, slot, family);
  if (family === 'tc') {
    for (const direction of ['out', 'in'] as const)
      await detachClsact(ground, primaryIfindex(slot), hooksOf.tc[direction]);
    return;
  }
  await ground.programs.detach(slot, [hooksOf[family].out, hooksOf[family].in]);
}

/** Lets go of what is pinned and known of a slot whose device is gone. Filters of clsact went with it. */
export async function forgetSlot(ground: Ground, slot: number): Promise<void> {
  await ground.programs.detach(slot);
  await ground.users.detach(slot);
  ground.programs.clearSlot(slot);
}

/** Every program on the device's hooks, `from_pod`'s hook first, in order of execution. */
export async function programsOn(
  ground: Ground,
  { slot, hooks }: Pick<DeviceRecord, 'slot' | 'hooks'>,
): Promise<AttachedProgram[]> {
  const both = await Promise.all(
    [hooksOf[hooks].out, hooksOf[hooks].in].map((hook) =>
      hook === 'tc/ingress' || hook === 'tc/egress'
        ? clsactPrograms(ground, primaryIfindex(slot), hook)
        : ground.programs.query(slot, hook),
    ),
  );
  return both.flat().map((program) => {
    const user = ground.users.find(program.id);
    return user === undefined ? program : { ...program, user: user.number };
  });
}

/** The device's hooks that our program is not on. */
export async function bareHooks(
  ground: Ground,
  device: Pick<DeviceRecord, 'slot' | 'hooks'>,
): Promise<AttachedProgram['hook'][]> {
  const programs = await programsOn(ground, device);
  return Object.values(hooksOf[device.hooks]).filter(
    (hook) => !programs.some((program) => program.ours && program.hook === hook),
  );
}

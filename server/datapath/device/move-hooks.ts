import type { HookFamily } from '../../../contract/device.ts';
import { ProblemError } from '../../../contract/problem.ts';
import { primaryIfindex } from '../../bpf/layout.ts';
import { setNetkitPolicy } from '../../netlink/netkit.ts';
import { type DatapathContext, nameOf } from '../context.ts';
import type { Ground } from '../kernel-context.ts';
import { currentDevice, type LivePod } from '../pod-registry.ts';
import type { DeviceRecord, PodRecord } from '../store.ts';
import { devicePolicy } from './device.ts';
import { attachFamily, bareHooks, describeSlot, detachFamily } from './our-programs.ts';
import { attachUsers } from './user-hooks.ts';

/**
 * Attach fallback and its way back: our programs of a netkit device move between its own hooks and those of its
 * primary, under traffic. Both places check while both have programs, and one of them counts, so that no packet
 * goes by unchecked; the policy of an end changes while it has programs, which is when it has no effect.
 * @throws ProblemError `already_there`, `not_netkit`, `migration_running`, `kernel_refused`
 */
export async function moveHooks(core: DatapathContext, pod: LivePod, to: 'device' | 'primary'): Promise<void> {
  const { ground, books } = core;
  const device = currentDevice(pod);
  const family: HookFamily = to === 'device' ? 'netkit' : ground.primaryHooks;
  const what = `move the programs of ${nameOf(pod)} to the ${to === 'device' ? 'netkit hooks' : 'primary'}`;
  if (device.kind !== 'netkit')
    throw new ProblemError('not_netkit', `${what}: ${device.primaryName} is a ${device.kind} device`, {
      hint: 'The programs of a veth device are on its primary already.',
    });
  if (device.hooks === family)
    throw new ProblemError('already_there', `${what}: they are on ${family} already`, {
      hint: 'Nothing to do.',
    });
  const from = device.hooks;
  try {
    await attachFamily(ground, device.slot, family);
    await attachUsers(ground, pod.record.number, { slot: device.slot, hooks: family });
    await books.moveHooks(device.id, family);
  } catch (error) {
    await detachFamily(ground, device.slot, family);
    throw error;
  }
  // From here on the books say where they belong, and an agent that starts goes on.
  device.hooks = family;
  await settleHooks(ground, pod.record, device);
  const missing = await bareHooks(ground, device);
  if (missing.length > 0)
    throw new ProblemError('kernel_refused', `${what}: our program is not on ${missing.join(' and ')}`, {
      hint: `Somebody may have detached it. The programs were on ${from}.`,
    });
}

/** Ends a move between hooks wherever it stopped: programs are on the device's hooks, and on no others. */
export async function settleHooks(ground: Ground, pod: PodRecord, device: DeviceRecord): Promise<void> {
  if (device.kind !== 'netkit') return;
  describeSlot(ground, pod, device);
  await setNetkitPolicy(ground.host, primaryIfindex(device.slot), devicePolicy(pod.network, device));
  for (const family of ['netkit', 'tcx', 'tc'] as const)
    if (family !== device.hooks && (family !== 'tc' || ground.primaryHooks === 'tc'))
      await detachFamily(ground, device.slot, family);
}

import type { HookFamily } from '../../../contract/device.ts';
import { ProblemError } from '../../../contract/problem.ts';
import { primaryIfindex } from '../../bpf/slot-layout.ts';
import { setNetkitPolicies } from '../../netlink/netkit.ts';
import type { DeviceRecord, PodRecord } from '../../store/records.ts';
import { type DatapathContext, podName } from '../context.ts';
import type { KernelContext } from '../kernel-context.ts';
import { currentDevice, type LivePod } from '../pod-registry.ts';
import { devicePolicy } from './device.ts';
import { attachFamily, detachFamily, hooksWithoutOurProgram, writeSlotConfig } from './our-programs.ts';
import { attachUserPrograms } from './user-hooks.ts';

/**
 * Attach fallback and its way back: our programs of a netkit device move between its own hooks and those of its
 * primary, under traffic. Both places check while both have programs, and one of them counts, so that no packet
 * goes by unchecked; the policy of an end changes while it has programs, which is when it has no effect.
 * @throws ProblemError `already_there`, `not_netkit`, `migration_running`, `kernel_refused`
 */
export async function moveHooks(
  context: DatapathContext,
  pod: LivePod,
  to: 'device' | 'primary',
): Promise<void> {
  const { kernel, store } = context;
  const device = currentDevice(pod);
  const family: HookFamily = to === 'device' ? 'netkit' : kernel.primaryHooks;
  const what = `move the programs of ${podName(pod)} to the ${to === 'device' ? 'netkit hooks' : 'primary'}`;
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
    await attachFamily(kernel, device.slot, family);
    await attachUserPrograms(kernel, pod.record.number, { slot: device.slot, hooks: family });
    await store.moveHooks(device.id, family);
  } catch (error) {
    await detachFamily(kernel, device.slot, family);
    throw error;
  }
  // From here on the store say where they belong, and an agent that starts goes on.
  device.hooks = family;
  await finishHookMove(kernel, pod.record, device);
  const missing = await hooksWithoutOurProgram(kernel, device);
  if (missing.length > 0)
    throw new ProblemError('kernel_refused', `${what}: our program is not on ${missing.join(' and ')}`, {
      hint: `Somebody may have detached it. The programs were on ${from}.`,
    });
}

/** Ends a move between hooks wherever it stopped: programs are on the device's hooks, and on no others. */
export async function finishHookMove(
  kernel: KernelContext,
  pod: PodRecord,
  device: DeviceRecord,
): Promise<void> {
  if (device.kind !== 'netkit') return;
  writeSlotConfig(kernel, pod, device);
  await setNetkitPolicies(kernel.host, primaryIfindex(device.slot), devicePolicy(pod.network, device));
  for (const family of ['netkit', 'tcx', 'tc'] as const)
    if (family !== device.hooks && (family !== 'tc' || kernel.primaryHooks === 'tc'))
      await detachFamily(kernel, device.slot, family);
}

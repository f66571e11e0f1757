import { ProblemError } from '../../../contract/problem.ts';
import { slotToPrimaryIfindex } from '../../bpf/datapath-structs.ts';
import type { ProgramOnHook } from '../../bpf/hook-query.ts';
import { readBpfProgramInfoById } from '../../bpf/program-info.ts';
import { getLink } from '../../netlink/link.ts';
import type { DeviceRecord } from '../../store/records.ts';
import { listProgramsOnHook } from '../device/podlane-programs.ts';
import { podlaneProgramHooks } from '../device/program-hooks.ts';
import type { KernelContext } from '../kernel-context.ts';

/**
 * Faults that were found on a netkit device's hooks; each is a clause for the evidence, or null if there is no
 * fault.
 */
export interface NetkitHookFaults {
  /** Clause that names the hooks on which Podlane's program is missing. */
  program: string | null;
  /** Clause that names the device ends that block all packets. */
  blocked: string | null;
}

const directionText = { 'netkit/peer': 'out of the pod', 'netkit/primary': 'into the pod' } as const;

/**
 * Checks that Podlane's programs are on a netkit device's hooks, and that no end without a program has the policy
 * blackhole. Queries only ids, since it runs often. Reports nothing for a missing device: reconciling replaces it.
 */
export async function checkNetkitHooks(
  kernel: KernelContext,
  device: Pick<DeviceRecord, 'slot' | 'hooks' | 'primaryName'>,
): Promise<NetkitHookFaults> {
  try {
    const { egress, ingress } = podlaneProgramHooks[device.hooks];
    const missing: string[] = [];
    for (const hook of [egress, ingress]) {
      const present = await listProgramsOnHook(kernel, device.slot, hook);
      if (present.some(({ programId }) => kernel.programs.isOurs(programId))) continue;
      missing.push(`${hook}${otherPrograms(present)}`);
    }
    const program =
      missing.length === 0
        ? null
        : `Podlane’s program is not on ${missing.join(' nor on ')} of ${device.primaryName}`;
    // A policy has no effect on an end that has a program.
    const mayBeBlocked = program !== null || device.hooks !== 'netkit';
    return { program, blocked: mayBeBlocked ? await findBlockedEnds(kernel, device) : null };
  } catch (error) {
    if (error instanceof ProblemError && error.code === 'device_missing')
      return { program: null, blocked: null };
    throw error;
  }
}

const otherPrograms = (present: readonly ProgramOnHook[]): string =>
  present.length === 0
    ? ''
    : ` (but ${present.map(({ programId }) => `${readBpfProgramInfoById(programId)?.name ?? '?'}, id ${programId}`).join('; ')})`;

async function findBlockedEnds(
  kernel: KernelContext,
  { slot, primaryName }: Pick<DeviceRecord, 'slot' | 'primaryName'>,
): Promise<string | null> {
  const netkit = (await getLink(kernel.host, { ifindex: slotToPrimaryIfindex(slot) }))?.netkit;
  const closed: string[] = [];
  for (const [hook, policy] of [
    ['netkit/peer', netkit?.peerPolicy],
    ['netkit/primary', netkit?.policy],
  ] as const)
    if (policy === 'blackhole' && (await listProgramsOnHook(kernel, slot, hook)).length === 0)
      closed.push(
        `no packet passes ${directionText[hook]}, because ${hook} has no program and policy blackhole`,
      );
  return closed.length === 0 ? null : `${primaryName}: ${closed.join('; ')}`;
}

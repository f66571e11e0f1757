import type { Hook } from '../../../contract/device.ts';
import { ProblemError } from '../../../contract/problem.ts';
import { type HookedProgram, queryHook } from '../../bpf/hook-query.ts';
import { programInfoById } from '../../bpf/program-info.ts';
import { primaryIfindex } from '../../bpf/slot-layout.ts';
import { getLink } from '../../netlink/link.ts';
import type { DeviceRecord } from '../../store/records.ts';
import { hooksOf } from '../device/hooks.ts';
import { tcFilterPrograms } from '../device/tc-filter.ts';
import type { KernelContext } from '../kernel-context.ts';

export interface HookFindings {
  /** Of hooks that our program is not on; null when it is on both. */
  program: string | null;
  /** Of an end that lets nothing pass; null when none does. */
  cutOff: string | null;
}

const ways = { 'netkit/peer': 'out of the pod', 'netkit/primary': 'into the pod' } as const;

/**
 * Whether our programs are on a netkit device's hooks, and whether an end without any is a black hole. Asks for ids
 * only: it is done often. A device that is gone has no findings, that is for reconciling.
 */
export async function checkHooks(
  kernel: KernelContext,
  device: Pick<DeviceRecord, 'slot' | 'hooks' | 'primaryName'>,
): Promise<HookFindings> {
  try {
    const { egress, ingress } = hooksOf[device.hooks];
    const missing: string[] = [];
    for (const hook of [egress, ingress]) {
      const there = await entriesAt(kernel, device.slot, hook);
      if (there.some(({ programId }) => kernel.programs.isOurs(programId))) continue;
      missing.push(`${hook}${strangers(there)}`);
    }
    const program =
      missing.length === 0
        ? null
        : `our program is not on ${missing.join(' nor on ')} of ${device.primaryName}`;
    // With our programs on its own hooks, a policy has no effect.
    const mayBeCutOff = program !== null || device.hooks !== 'netkit';
    return { program, cutOff: mayBeCutOff ? await cutOff(kernel, device) : null };
  } catch (error) {
    if (error instanceof ProblemError && error.code === 'device_missing')
      return { program: null, cutOff: null };
    throw error;
  }
}

async function entriesAt(kernel: KernelContext, slot: number, hook: Hook): Promise<HookedProgram[]> {
  const ifindex = primaryIfindex(slot);
  if (hook !== 'tc/ingress' && hook !== 'tc/egress') return queryHook(ifindex, hook);
  const programs = await tcFilterPrograms(kernel, ifindex, hook);
  return programs.map(({ id, linkId }) => ({ programId: id, linkId }));
}

const strangers = (there: readonly HookedProgram[]): string =>
  there.length === 0
    ? ''
    : ` (but ${there.map(({ programId }) => `${programInfoById(programId)?.name ?? '?'}, id ${programId}`).join('; ')})`;

async function cutOff(
  kernel: KernelContext,
  { slot, primaryName }: Pick<DeviceRecord, 'slot' | 'primaryName'>,
): Promise<string | null> {
  const netkit = (await getLink(kernel.host, { ifindex: primaryIfindex(slot) }))?.netkit;
  const closed: string[] = [];
  for (const [hook, policy] of [
    ['netkit/peer', netkit?.peerPolicy],
    ['netkit/primary', netkit?.policy],
  ] as const)
    if (policy === 'blackhole' && (await entriesAt(kernel, slot, hook)).length === 0)
      closed.push(`nothing passes ${ways[hook]}, for no program is on ${hook} and its policy is blackhole`);
  return closed.length === 0 ? null : `${primaryName}: ${closed.join('; ')}`;
}

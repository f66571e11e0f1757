import type { Hook } from '../../../contract/device.ts';
import { ProblemError } from '../../../contract/problem.ts';
import { primaryIfindex } from '../../bpf/layout.ts';
import { programInfoById } from '../../bpf/program.ts';
import { type HookEntry, queryHook } from '../../bpf/query.ts';
import { getLink } from '../../netlink/link.ts';
import { clsactPrograms } from '../device/clsact.ts';
import { hooksOf } from '../device/hooks.ts';
import type { Ground } from '../kernel-context.ts';
import type { DeviceRecord } from '../store.ts';

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
  ground: Ground,
  device: Pick<DeviceRecord, 'slot' | 'hooks' | 'primaryName'>,
): Promise<HookFindings> {
  try {
    const { out, in: into } = hooksOf[device.hooks];
    const missing: string[] = [];
    for (const hook of [out, into]) {
      const there = await entriesAt(ground, device.slot, hook);
      if (there.some(({ programId }) => ground.programs.isOurs(programId))) continue;
      missing.push(`${hook}${strangers(there)}`);
    }
    const program =
      missing.length === 0
        ? null
        : `our program is not on ${missing.join(' nor on ')} of ${device.primaryName}`;
    // With our programs on its own hooks, a policy has no effect.
    const mayBeCutOff = program !== null || device.hooks !== 'netkit';
    return { program, cutOff: mayBeCutOff ? await cutOff(ground, device) : null };
  } catch (error) {
    if (error instanceof ProblemError && error.code === 'device_missing')
      return { program: null, cutOff: null };
    throw error;
  }
}

async function entriesAt(ground: Ground, slot: number, hook: Hook): Promise<HookEntry[]> {
  const ifindex = primaryIfindex(slot);
  if (hook !== 'tc/ingress' && hook !== 'tc/egress') return queryHook(ifindex, hook);
  const programs = await clsactPrograms(ground, ifindex, hook);
  return programs.map(({ id, linkId }) => ({ programId: id, linkId }));
}

const strangers = (there: readonly HookEntry[]): string =>
  there.length === 0
    ? ''
    : ` (but ${there.map(({ programId }) => `${programInfoById(programId)?.name ?? '?'}, id ${programId}`).join('; ')})`;

async function cutOff(
  ground: Ground,
  { slot, primaryName }: Pick<DeviceRecord, 'slot' | 'primaryName'>,
): Promise<string | null> {
  const netkit = (await getLink(ground.host, { ifindex: primaryIfindex(slot) }))?.netkit;
  const closed: string[] = [];
  for (const [hook, policy] of [
    ['netkit/peer', netkit?.peerPolicy],
    ['netkit/primary', netkit?.policy],
  ] as const)
    if (policy === 'blackhole' && (await entriesAt(ground, slot, hook)).length === 0)
      closed.push(`nothing passes ${ways[hook]}, for no program is on ${hook} and its policy is blackhole`);
  return closed.length === 0 ? null : `${primaryName}: ${closed.join('; ')}`;
}

import { closeSync } from 'node:fs';
import type { AttachedProgram, Hook } from '../../../contract/device.ts';
import type { Direction } from '../../../contract/direction.ts';
import { ProblemError } from '../../../contract/problem.ts';
import { attachWithoutLink } from '../../bpf/attach-without-link.ts';
import { programFdById } from '../../bpf/program-info.ts';
import { primaryIfindex } from '../../bpf/slot-layout.ts';
import type { UserProgramPin } from '../../bpf/user-program-pins.ts';
import { replaceBpfFilter } from '../../netlink/tc-filter.ts';
import type { DeviceRecord } from '../../store/records.ts';
import type { KernelContext } from '../kernel-context.ts';
import { hooksOf } from './hooks.ts';
import { readAttachedPrograms } from './our-programs.ts';
import { ourFilterPriority } from './tc-filter.ts';
import { attachUserProgram } from './user-hooks.ts';

/** A program that is not ours on a device, and its place by ours: what a new device is to have as well. */
export interface ForeignProgram {
  id: number;
  name: string;
  hook: Hook;
  direction: Direction;
  beforeOurs: boolean;
  /** of one that a user put there through us: its pins, which follow the pod */
  user: UserProgramPin | undefined;
}

/** Programs of others on the device's hooks, in the order they run. */
export async function readForeignPrograms(
  kernel: KernelContext,
  device: Pick<DeviceRecord, 'slot' | 'hooks'>,
): Promise<ForeignProgram[]> {
  const programs = await readAttachedPrograms(kernel, device);
  return (['egress', 'ingress'] as const).flatMap((direction) => {
    const here = programs.filter((program) => program.hook === hooksOf[device.hooks][direction]);
    const ours = here.findIndex((program) => program.ours);
    return here.flatMap((program, place) =>
      program.ours
        ? []
        : [
            {
              ...naming(program),
              direction,
              beforeOurs: place < ours,
              user: kernel.userPins.find(program.id),
            },
          ],
    );
  });
}

const naming = ({ id, name, hook }: AttachedProgram) => ({ id, name, hook });

/**
 * Puts programs of others on a pod's new device, in the same order around ours. They are attached without a link, so
 * that they go with the device, and their owners can take them off (`bpftool net detach`, `tc filter delete`). Users'
 * programs get a link of their own.
 * Those that are there already are left. @throws ProblemError `kernel_refused`
 */
export async function carryForeignPrograms(
  kernel: KernelContext,
  strangers: readonly ForeignProgram[],
  to: Pick<DeviceRecord, 'slot' | 'hooks' | 'primaryName'>,
): Promise<void> {
  if (strangers.length === 0) return;
  const there = new Set(
    (await readForeignPrograms(kernel, to)).map(({ id, direction }) => `${id} ${direction}`),
  );
  const missing = strangers.filter(({ id, direction }) => !there.has(`${id} ${direction}`));
  for (const [index, stranger] of missing.entries()) {
    const hook = hooksOf[to.hooks][stranger.direction];
    if (stranger.user) await attachUserProgram(kernel, stranger.user, to);
    else if (hook === 'tc/ingress' || hook === 'tc/egress')
      await carryFilter(kernel, stranger, to, hook, index);
    else
      await attachWithoutLink(
        primaryIfindex(to.slot),
        hook,
        { id: stranger.id },
        stranger.beforeOurs ? { before: { programId: kernel.programs.programId(hook) } } : 'last',
      );
  }
}

/** Priority of the filter number `index` of foreign programs, below or above ours: clsact runs the lowest first. */
export const foreignFilterPriority = (beforeOurs: boolean, index: number): number =>
  beforeOurs ? index + 1 : ourFilterPriority + 1 + index;

async function carryFilter(
  kernel: KernelContext,
  { id, name, beforeOurs }: ForeignProgram,
  { slot, primaryName }: Pick<DeviceRecord, 'slot' | 'primaryName'>,
  hook: 'tc/ingress' | 'tc/egress',
  index: number,
): Promise<void> {
  const program = programFdById(id);
  if (program === null)
    throw new ProblemError(
      'kernel_refused',
      `put program ${name} (id ${id}) on ${hook} of ${primaryName}: it was unloaded`,
      { hint: 'Its owner is gone; migrate again.' },
    );
  try {
    const priority = foreignFilterPriority(beforeOurs, index);
    await replaceBpfFilter(kernel.host, primaryIfindex(slot), hook, { priority, handle: 1, program, name });
  } finally {
    closeSync(program);
  }
}

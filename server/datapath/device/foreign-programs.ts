import { closeSync } from 'node:fs';
import type { AttachedProgram, Hook } from '../../../contract/device.ts';
import { ProblemError } from '../../../contract/problem.ts';
import { primaryIfindex } from '../../bpf/layout.ts';
import { attachProgram } from '../../bpf/mprog.ts';
import { programFdById } from '../../bpf/program.ts';
import type { UserPin } from '../../bpf/user-pins.ts';
import { replaceBpfFilter } from '../../netlink/filter.ts';
import type { Ground } from '../kernel-context.ts';
import type { DeviceRecord } from '../store.ts';
import { clsactPriority } from './clsact.ts';
import { hooksOf } from './hooks.ts';
import { programsOn } from './our-programs.ts';
import { attachUser } from './user-hooks.ts';

/** A program that is not ours on a device, and its place by ours: what a new device is to have as well. */
export interface Stranger {
  id: number;
  name: string;
  hook: Hook;
  direction: 'out' | 'in';
  beforeOurs: boolean;
  /** of one that a user put there through us: its pins, which follow the pod */
  user: UserPin | undefined;
}

/** Programs of others on the device's hooks, in the order they run. */
export async function strangersOn(
  ground: Ground,
  device: Pick<DeviceRecord, 'slot' | 'hooks'>,
): Promise<Stranger[]> {
  const programs = await programsOn(ground, device);
  return (['out', 'in'] as const).flatMap((direction) => {
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
              user: ground.users.find(program.id),
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
export async function carryStrangers(
  ground: Ground,
  strangers: readonly Stranger[],
  to: Pick<DeviceRecord, 'slot' | 'hooks' | 'primaryName'>,
): Promise<void> {
  if (strangers.length === 0) return;
  const there = new Set((await strangersOn(ground, to)).map(({ id, direction }) => `${id} ${direction}`));
  const missing = strangers.filter(({ id, direction }) => !there.has(`${id} ${direction}`));
  for (const [index, stranger] of missing.entries()) {
    const hook = hooksOf[to.hooks][stranger.direction];
    if (stranger.user) await attachUser(ground, stranger.user, to);
    else if (hook === 'tc/ingress' || hook === 'tc/egress')
      await carryFilter(ground, stranger, to, hook, index);
    else
      await attachProgram(
        primaryIfindex(to.slot),
        hook,
        { id: stranger.id },
        stranger.beforeOurs ? { before: { programId: ground.programs.programId(hook) } } : 'last',
      );
  }
}

/** clsact orders by priority: a place under or over ours, one for each. */
async function carryFilter(
  ground: Ground,
  { id, name, beforeOurs }: Stranger,
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
    const priority = beforeOurs ? index + 1 : clsactPriority + 1 + index;
    await replaceBpfFilter(ground.host, primaryIfindex(slot), hook, { priority, handle: 1, program, name });
  } finally {
    closeSync(program);
  }
}

import { closeSync } from 'node:fs';
import type { AttachedProgram, Hook } from '../../../contract/device.ts';
import type { Direction } from '../../../contract/direction.ts';
import { ProblemError } from '../../../contract/problem.ts';
import { attachWithoutLink } from '../../bpf/attach-without-link.ts';
import { openProgramById } from '../../bpf/program-info.ts';
import type { UserProgramPin } from '../../bpf/user-program-pins.ts';
import {
  listTcBpfFilters,
  replaceTcBpfFilter,
  type TcFilter,
  type TcFilterPosition,
} from '../../netlink/tc-filter.ts';
import type { DeviceRecord } from '../../store/records.ts';
import { getPrimaryIfindex, type IndexedDevice } from '../device-indexes.ts';
import type { KernelContext } from '../kernel-context.ts';
import { attachUserProgram } from './attach-user-programs.ts';
import { readAttachedPrograms } from './podlane-programs.ts';
import { podlaneFilterPriority } from './podlane-tc-filter.ts';
import { podlaneProgramHooks } from './program-hooks.ts';

/**
 * Program on a pod's hook that is not Podlane's own: a foreign program or a user program, with its position relative to
 * Podlane's.
 */
export interface CarriedProgram {
  id: number;
  name: string;
  hook: Hook;
  direction: Direction;
  beforeOurs: boolean;
  /** Pin of a user program that was attached through Podlane; undefined for a program of another owner. */
  user: UserProgramPin | undefined;
  /** Position and name of the program's tc filter; null for a program on another kind of hook. */
  filter: Pick<TcFilter, 'priority' | 'handle' | 'name'> | null;
}

/** Reads the foreign and user programs on a device's hooks, in execution order. */
export async function readCarriedPrograms(
  kernel: KernelContext,
  device: IndexedDevice & Pick<DeviceRecord, 'hooks'>,
): Promise<CarriedProgram[]> {
  const programs = await readAttachedPrograms(kernel, device);
  const filters = device.hooks === 'tc' ? await readHookFilters(kernel, getPrimaryIfindex(device)) : null;
  return (['egress', 'ingress'] as const).flatMap((direction) => {
    const onHook = programs.filter(
      (program) => program.hook === podlaneProgramHooks[device.hooks][direction],
    );
    const ours = onHook.findIndex((program) => program.ours);
    return onHook.flatMap((program, place) =>
      program.ours
        ? []
        : [
            {
              ...naming(program),
              direction,
              beforeOurs: place < ours,
              user: kernel.userPins.find(program.id),
              filter: filters?.[direction].find(({ programId }) => programId === program.id) ?? null,
            },
          ],
    );
  });
}

/** Reads the BPF filters of a device's clsact hooks. */
async function readHookFilters(
  kernel: KernelContext,
  ifindex: number,
): Promise<Record<Direction, TcFilter[]>> {
  return {
    egress: await listTcBpfFilters(kernel.host, ifindex, 'tc/ingress'),
    ingress: await listTcBpfFilters(kernel.host, ifindex, 'tc/egress'),
  };
}

const naming = ({ id, name, hook }: AttachedProgram) => ({ id, name, hook });

/**
 * Attaches foreign programs to a pod's new device in the same order around Podlane's. They are attached without a link,
 * so that they go with the device and their owners can detach them (`bpftool net detach`, `tc filter delete`). User
 * programs get links of their own. Idempotent.
 * @throws ProblemError `kernel_refused`
 */
export async function attachCarriedPrograms(
  kernel: KernelContext,
  programs: readonly CarriedProgram[],
  to: IndexedDevice & Pick<DeviceRecord, 'hooks' | 'primaryName'>,
): Promise<void> {
  if (programs.length === 0) return;
  const attached = new Set(
    (await readCarriedPrograms(kernel, to)).map(({ id, direction }) => `${id} ${direction}`),
  );
  const missing = programs.filter(({ id, direction }) => !attached.has(`${id} ${direction}`));
  for (const [index, program] of missing.entries()) {
    const hook = podlaneProgramHooks[to.hooks][program.direction];
    if (program.user) await attachUserProgram(kernel, program.user, to);
    else if (hook === 'tc/ingress' || hook === 'tc/egress')
      await carryFilter(kernel, program, to, hook, index);
    else
      await attachWithoutLink(
        getPrimaryIfindex(to),
        hook,
        { id: program.id },
        program.beforeOurs ? { before: { programId: kernel.programs.programId(hook) } } : 'tail',
      );
  }
}

/**
 * Returns the position of a foreign program's filter on a new device: the one that it had, or for a program from
 * another kind of hook one below or above Podlane's, since clsact runs the lowest priority first.
 */
export const placeCarriedFilter = (
  { filter, beforeOurs }: Pick<CarriedProgram, 'filter' | 'beforeOurs'>,
  index: number,
): TcFilterPosition =>
  filter ?? { priority: beforeOurs ? index + 1 : podlaneFilterPriority + 1 + index, handle: 1 };

async function carryFilter(
  kernel: KernelContext,
  foreign: CarriedProgram,
  to: IndexedDevice & Pick<DeviceRecord, 'primaryName'>,
  hook: 'tc/ingress' | 'tc/egress',
  index: number,
): Promise<void> {
  const { id, name } = foreign;
  const program = openProgramById(id);
  if (program === null)
    throw new ProblemError(
      'kernel_refused',
      `attach program ${name} (id ${id}) to ${hook} of ${to.primaryName}: it was unloaded`,
      { hint: 'Its owner is gone; migrate again.' },
    );
  try {
    const { priority, handle } = placeCarriedFilter(foreign, index);
    await replaceTcBpfFilter(kernel.host, getPrimaryIfindex(to), hook, {
      priority,
      handle,
      program,
      name: foreign.filter?.name ?? name,
    });
  } finally {
    closeSync(program);
  }
}

import type { AttachedProgram } from '../../../contract/device.ts';
import { attachedProgram } from '../../bpf/query.ts';
import { refusedWith } from '../../netlink/error.ts';
import {
  addClsact,
  bpfFilters,
  deleteBpfFilter,
  filters,
  replaceBpfFilter,
  type TcHook,
} from '../../netlink/filter.ts';
import type { Ground } from '../kernel-context.ts';
import { programName } from './hooks.ts';

/** Where our filters are. Filters that are given no priority get 49152 and less from the kernel, and run later. */
export const clsactPriority = 100;
export const clsactHandle = 0x706c;

const place = { priority: clsactPriority, handle: clsactHandle };

/** Our program on a clsact hook of a link, for kernels without tcx. An older one of ours is swapped in one step. */
export async function putClsact(ground: Ground, ifindex: number, hook: TcHook): Promise<void> {
  try {
    await addClsact(ground.host, ifindex);
  } catch (error) {
    if (!refusedWith(error, 'EEXIST')) throw error;
  }
  let program: number;
  do {
    program = ground.programs.programFd(hook);
    await replaceBpfFilter(ground.host, ifindex, hook, {
      ...place,
      program,
      name: hook === 'tc/ingress' ? `${programName.out}_tc` : `${programName.in}_tc`,
    });
    // Another build may have come meanwhile.
  } while (program !== ground.programs.programFd(hook));
}

/** Takes our filter away; those of others, and the qdisc they are on, stay. */
export async function detachClsact(ground: Ground, ifindex: number, hook: TcHook): Promise<void> {
  const there = await filters(ground.host, ifindex, hook);
  if (there.some((each) => each.priority === place.priority && each.handle === place.handle))
    await deleteBpfFilter(ground.host, ifindex, hook, place);
}

/** Every BPF program on a clsact hook, in the order they run. */
export async function clsactPrograms(
  ground: Ground,
  ifindex: number,
  hook: TcHook,
): Promise<AttachedProgram[]> {
  const there = await bpfFilters(ground.host, ifindex, hook);
  return there.flatMap(({ programId }, position) =>
    programId === null
      ? []
      : (attachedProgram({ hook, position, programId, linkId: null }, ground.programs.ourIds) ?? []),
  );
}

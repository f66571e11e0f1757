import type { AttachedProgram } from '../../../contract/device.ts';
import { describeAttachedProgram } from '../../bpf/hook-query.ts';
import { addClsact } from '../../netlink/clsact.ts';
import { isNetlinkError } from '../../netlink/error.ts';
import {
  deleteBpfFilter,
  listBpfFilters,
  listTcFilters,
  replaceBpfFilter,
  type TcHook,
} from '../../netlink/tc-filter.ts';
import type { KernelContext } from '../kernel-context.ts';
import { programName } from './hooks.ts';

/** Where our filters are. Filters that are given no priority get 49152 and less from the kernel, and run later. */
export const ourFilterPriority = 100;
export const ourFilterHandle = 0x706c;

const place = { priority: ourFilterPriority, handle: ourFilterHandle };

/** Our program on a clsact hook of a link, for kernels without tcx. An older one of ours is swapped in one step. */
export async function attachTcFilter(kernel: KernelContext, ifindex: number, hook: TcHook): Promise<void> {
  try {
    await addClsact(kernel.host, ifindex);
  } catch (error) {
    if (!isNetlinkError(error, 'EEXIST')) throw error;
  }
  let program: number;
  do {
    program = kernel.programs.programFd(hook);
    await replaceBpfFilter(kernel.host, ifindex, hook, {
      ...place,
      program,
      name: hook === 'tc/ingress' ? `${programName.egress}_tc` : `${programName.ingress}_tc`,
    });
    // Another build may have come meanwhile.
  } while (program !== kernel.programs.programFd(hook));
}

/** Takes our filter away; those of others, and the qdisc they are on, stay. */
export async function detachTcFilter(kernel: KernelContext, ifindex: number, hook: TcHook): Promise<void> {
  const there = await listTcFilters(kernel.host, ifindex, hook);
  if (there.some((each) => each.priority === place.priority && each.handle === place.handle))
    await deleteBpfFilter(kernel.host, ifindex, hook, place);
}

/** Every BPF program on a clsact hook, in the order they run. */
export async function tcFilterPrograms(
  kernel: KernelContext,
  ifindex: number,
  hook: TcHook,
): Promise<AttachedProgram[]> {
  const there = await listBpfFilters(kernel.host, ifindex, hook);
  return there.flatMap(({ programId }, position) =>
    programId === null
      ? []
      : (describeAttachedProgram({ hook, position, programId, linkId: null }, kernel.programs.ourIds) ?? []),
  );
}

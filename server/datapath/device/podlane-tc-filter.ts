import type { AttachedProgram } from '../../../contract/device.ts';
import { describeAttachedProgram } from '../../bpf/hook-query.ts';
import { addClsactQdisc } from '../../netlink/clsact.ts';
import { isNetlinkError } from '../../netlink/netlink-error.ts';
import type { NetlinkRequest } from '../../netlink/socket.ts';
import {
  buildBpfFilterRequest,
  deleteTcBpfFilter,
  listTcBpfFilters,
  listTcFilters,
  type TcHook,
} from '../../netlink/tc-filter.ts';
import type { KernelContext } from '../kernel-context.ts';
import { podlaneProgramNames } from './program-hooks.ts';

/**
 * Priority of Podlane's tc filters. The kernel assigns priorities up to 49152 to filters added without one, so they
 * run later.
 */
export const podlaneFilterPriority = 100;
export const podlaneFilterHandle = 0x706c;

const place = { priority: podlaneFilterPriority, handle: podlaneFilterHandle };

/** Builds the request that attaches Podlane's program to a clsact hook, or replaces an older filter of Podlane. */
export const buildPodlaneFilterRequest = (ifindex: number, hook: TcHook, program: number): NetlinkRequest =>
  buildBpfFilterRequest(ifindex, hook, { ...place, program, name: filterName(hook) }, 'replace');

const filterName = (hook: TcHook): string =>
  hook === 'tc/ingress' ? `${podlaneProgramNames.egress}_tc` : `${podlaneProgramNames.ingress}_tc`;

/**
 * Attaches Podlane's program to a clsact hook, on kernels without tcx. Replaces an older filter of Podlane
 * atomically.
 */
export async function attachPodlaneTcFilter(
  kernel: KernelContext,
  ifindex: number,
  hook: TcHook,
): Promise<void> {
  try {
    await addClsactQdisc(kernel.host, ifindex);
  } catch (error) {
    if (!isNetlinkError(error, 'EEXIST')) throw error;
  }
  let program: number;
  do {
    program = kernel.programs.programFd(hook);
    await kernel.host.request(buildPodlaneFilterRequest(ifindex, hook, program));
    // Another build may have been activated meanwhile.
  } while (program !== kernel.programs.programFd(hook));
}

/** Deletes Podlane's filter from a clsact hook. The qdisc and the filters of other owners remain. */
export async function detachPodlaneTcFilter(
  kernel: KernelContext,
  ifindex: number,
  hook: TcHook,
): Promise<void> {
  const found = await listTcFilters(kernel.host, ifindex, hook);
  if (found.some((each) => each.priority === place.priority && each.handle === place.handle))
    await deleteTcBpfFilter(kernel.host, ifindex, hook, place);
}

/** Reads the BPF programs on a clsact hook in execution order. */
export async function readTcFilterPrograms(
  kernel: KernelContext,
  ifindex: number,
  hook: TcHook,
): Promise<AttachedProgram[]> {
  const found = await listTcBpfFilters(kernel.host, ifindex, hook);
  return found.flatMap(({ programId }, position) =>
    programId === null
      ? []
      : (describeAttachedProgram({ hook, position, programId, linkId: null }, kernel.programs.ourIds) ?? []),
  );
}

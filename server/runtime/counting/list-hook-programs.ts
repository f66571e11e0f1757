import type { AttachedProgram, Hook } from '../../../contract/device.ts';
import { ProblemError } from '../../../contract/problem.ts';
import { describeAttachedProgram, listAttachedPrograms } from '../../bpf/hook-query.ts';
import { emptyListIfDeviceGone } from '../../netlink/netlink-error.ts';
import type { NetlinkSocket } from '../../netlink/socket.ts';
import { listTcBpfFilters, type TcFilter } from '../../netlink/tc-filter.ts';
import type { HostEnd } from '../observed-pod.ts';

/** Hooks in the order in which packets pass them: first what the pod sends, then what it receives. */
const passed = {
  veth: ['tcx/ingress', 'tc/ingress', 'tcx/egress', 'tc/egress'],
  netkit: ['netkit/peer', 'tcx/ingress', 'tc/ingress', 'tcx/egress', 'tc/egress', 'netkit/primary'],
} as const satisfies Record<string, readonly Hook[]>;

/**
 * Lists the programs on the hooks of a host end in the order in which packets pass them, whoever attached them. Empty if the
 * device is gone. @param ours ids of Podlane's programs
 */
export async function listHostEndPrograms(
  host: NetlinkSocket,
  { ifindex, link }: HostEnd,
  ours: ReadonlySet<number>,
): Promise<AttachedProgram[]> {
  const found: AttachedProgram[] = [];
  for (const hook of passed[link.kind === 'netkit' ? 'netkit' : 'veth'])
    found.push(...(await listAt(host, ifindex, hook, ours)));
  return found;
}

async function listAt(
  host: NetlinkSocket,
  ifindex: number,
  hook: Hook,
  ours: ReadonlySet<number>,
): Promise<AttachedProgram[]> {
  if (hook === 'tc/ingress' || hook === 'tc/egress') {
    const filters = await listTcBpfFilters(host, ifindex, hook).catch(emptyListIfDeviceGone<TcFilter>);
    return filters.flatMap(({ programId }, position) =>
      programId === null
        ? []
        : (describeAttachedProgram({ hook, position, programId, linkId: null }, ours) ?? []),
    );
  }
  try {
    return await listAttachedPrograms(ifindex, hook, ours);
  } catch (error) {
    if (error instanceof ProblemError && error.code === 'device_missing') return [];
    throw error;
  }
}

import type { AttachedProgram, Hook } from '../../../contract/device.ts';
import type { Direction } from '../../../contract/direction.ts';
import type { PathTranslator } from '../../../contract/pod-path.ts';
import type { LinkHook } from '../../bpf/hook.ts';
import { listAttachedPrograms } from '../../bpf/hook-query.ts';
import { readBpfProgramInfoById } from '../../bpf/program-info.ts';
import { getLink } from '../../netlink/link.ts';
import type { NetworkLink } from '../../netlink/link-message.ts';
import { rtmTypes } from '../../netlink/message-constants.ts';
import { emptyListIfDeviceGone } from '../../netlink/netlink-error.ts';
import { tcmsg } from '../../netlink/netlink-structs.ts';
import {
  dumpRawObjects,
  getRawNested,
  getRawString,
  getRawU32,
  type RawObject,
} from '../../netlink/raw-object.ts';
import type { DeviceRecord } from '../../store/records.ts';
import { podlaneProgramHooks } from '../device/program-hooks.ts';
import { getPrimaryIfindex, type IndexedDevice } from '../device-indexes.ts';
import type { KernelContext } from '../kernel-context.ts';
import { listFilterActions } from '../network-state/filter-actions.ts';
import { tca } from '../network-state/rtnetlink-constants.ts';

/** Hooks in the order in which packets pass them, by direction as seen from the pod; those of netkit are the pair's. */
const passed = {
  egress: ['netkit/peer', 'tcx/ingress', 'tc/ingress'],
  ingress: ['tcx/egress', 'tc/egress', 'netkit/primary'],
} as const satisfies Record<Direction, readonly Hook[]>;
/** Parents of the filters of clsact: TC_H_MIN_INGRESS and TC_H_MIN_EGRESS of ffff:, <linux/pkt_sched.h>. */
const parents = { 'tc/ingress': 0xffff_fff2, 'tc/egress': 0xffff_fff3 } as const;
/** Actions of traffic control that may change addresses or ports. */
const translatingActions: ReadonlySet<string> = new Set(['nat', 'pedit', 'ct', 'bpf']);
/** Attribute TCA_BPF_ID of a filter that runs a program. */
const tcaBpfId = 11;

type Found = Pick<PathTranslator, 'what' | 'name'> & { ours: boolean };

/**
 * Lists what others put on the host's end of a pod's device, and on the bridge that it is a port of, that may translate
 * addresses unknown to the kernel's conntrack, and whether redirected packets pass it.
 */
export async function listTranslators(
  kernel: KernelContext,
  device: IndexedDevice & Pick<DeviceRecord, 'hooks'>,
  primary: NetworkLink,
): Promise<PathTranslator[]> {
  const found: PathTranslator[] = [];
  for (const direction of ['egress', 'ingress'] as const) {
    const own: Hook = podlaneProgramHooks[device.hooks][direction];
    let behind = false;
    for (const hook of passed[direction])
      for (const { ours, ...item } of await listAt(kernel, getPrimaryIfindex(device), hook)) {
        // A redirected packet enters the other pod's primary from the host, so it passes all that is there.
        const redirected = direction === 'ingress' ? 'passed' : behind ? 'bypassed' : 'before';
        if (ours) behind ||= hook === own;
        else found.push({ interface: primary.name, hook, ...item, redirected });
      }
  }
  const bridge = primary.master === null ? null : await getLink(kernel.host, { ifindex: primary.master });
  if (bridge)
    for (const hook of ['tcx/ingress', 'tc/ingress', 'tcx/egress', 'tc/egress'] as const)
      for (const { ours, ...item } of await listAt(kernel, bridge.ifindex, hook))
        if (!ours) found.push({ interface: bridge.name, hook, ...item, redirected: 'bypassed' });
  return found;
}

/** Lists programs and translating actions on a hook in execution order. */
async function listAt(kernel: KernelContext, ifindex: number, hook: Hook): Promise<Found[]> {
  if (hook === 'tc/ingress' || hook === 'tc/egress') {
    const filters = await listFilters(kernel, ifindex, parents[hook]);
    return filters.flatMap((filter) => describeFilter(filter, kernel.programs.ourIds));
  }
  const programs: AttachedProgram[] = await listAttachedPrograms(
    ifindex,
    hook satisfies LinkHook,
    kernel.programs.ourIds,
  );
  return programs.map(({ name, ours }) => ({ what: 'program', name, ours }));
}

function listFilters(kernel: KernelContext, ifindex: number, parent: number): Promise<RawObject[]> {
  const body = Buffer.alloc(tcmsg.bytes);
  body.writeInt32LE(ifindex, tcmsg.tcm_ifindex);
  body.writeUInt32LE(parent, tcmsg.tcm_parent);
  return dumpRawObjects(kernel.host, 'dump filters', rtmTypes.getFilter, body).catch(
    emptyListIfDeviceGone<RawObject>,
  );
}

function describeFilter(filter: RawObject, ourIds: ReadonlySet<number>): Found[] {
  const actions = listFilterActions(filter)
    .filter((kind) => translatingActions.has(kind))
    .map((name): Found => ({ what: 'action', name, ours: false }));
  if (getRawString(filter, tca.kind) !== 'bpf') return actions;
  const id = getRawU32({ attributes: getRawNested(filter, tca.options) }, tcaBpfId);
  const program = id === null ? null : readBpfProgramInfoById(id);
  if (program === null) return actions;
  return [{ what: 'program', name: program.name, ours: ourIds.has(program.id) }, ...actions];
}

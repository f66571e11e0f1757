import { nlmsgFlags, rtmTypes } from '../../netlink/message-constants.ts';
import { tcmsg } from '../../netlink/netlink-structs.ts';
import {
  buildRawRequest,
  encodeRawAttributes,
  getRawNested,
  getRawString,
  getRawU32,
  mapRawAttribute,
  type RawAttribute,
  type RawObject,
  rawU32,
  withBodyU32,
  withoutRawAttributes,
} from '../../netlink/raw-object.ts';
import type { NetlinkRequest } from '../../netlink/socket.ts';
import { tca } from './rtnetlink-constants.ts';

const reported = [
  tca.statistics,
  tca.extendedStatistics,
  tca.rate,
  tca.statistics2,
  tca.padding,
  tca.dumpInvisible,
  tca.hardwareOffload,
];
const typeMask = 0x3fff;
/** Qdiscs whose classes are made by hand; those of others come with the qdisc. */
const classful = new Set(['htb', 'hfsc', 'drr', 'qfq', 'cbq', 'ets']);
/** Parent of a root qdisc or class, TC_H_ROOT. */
const rootParent = 0xffff_ffff;
const maxDepth = 64;
/** Bits of a filter's flags that report hardware offload: TCA_CLS_FLAGS_IN_HW and _NOT_IN_HW. */
const hardwareFlags = 0xc;

export const trafficControlKind = (object: RawObject): string => getRawString(object, tca.kind) ?? '';

/** Tells whether a qdisc was made by the kernel, as the default of an interface or of a class. */
/**
 * Qdiscs whose classes are the flows that they hold packets of: the kernel makes and ends them by itself
 * (net/sched/sch_{cake,fq_codel,sfq,fq_pie}.c).
 */
const flowQdiscs: ReadonlySet<string> = new Set(['cake', 'fq_codel', 'sfq', 'fq_pie']);

/** Tells whether a traffic class is one that somebody configured, not a flow of a qdisc. */
export const isConfiguredClass = (trafficClass: RawObject): boolean =>
  !flowQdiscs.has(trafficControlKind(trafficClass));

export const isDefaultQdisc = ({ body }: RawObject): boolean => body.readUInt32LE(tcmsg.tcm_handle) === 0;

/**
 * Builds the requests that make qdiscs and classes on another interface, parents first: a class whose parent is not
 * there yet would silently become a root class.
 */
export function buildQdiscRequests(
  { qdiscs, trafficClasses }: { qdiscs: readonly RawObject[]; trafficClasses: readonly RawObject[] },
  ifindex: number,
): NetlinkRequest[] {
  const wanted = [
    ...qdiscs.filter((each) => !isDefaultQdisc(each)).map((each) => ({ each, type: rtmTypes.newQdisc })),
    ...trafficClasses
      .filter((each) => classful.has(trafficControlKind(each)))
      .map((each) => ({ each, type: rtmTypes.newTrafficClass })),
  ];
  const nodes = new Map(
    wanted.map(({ each, type }) => [
      each.body.readUInt32LE(tcmsg.tcm_handle),
      { parent: each.body.readUInt32LE(tcmsg.tcm_parent), isClass: type === rtmTypes.newTrafficClass },
    ]),
  );
  const depth = ({ each }: (typeof wanted)[number]): number => {
    let count = 0;
    for (
      let handle = each.body.readUInt32LE(tcmsg.tcm_handle), node = nodes.get(handle);
      node !== undefined && count < maxDepth;
      node = nodes.get(handle)
    ) {
      // The parent of a root class is reported as TC_H_ROOT: it is the qdisc with the same major number.
      handle = node.parent === rootParent && node.isClass ? (handle & 0xffff_0000) >>> 0 : node.parent;
      count++;
    }
    return count;
  };
  return wanted
    .map((each) => ({ ...each, depth: depth(each) }))
    .toSorted((a, b) => a.depth - b.depth)
    .map(({ each, type }) =>
      buildRawRequest(
        `make ${type === rtmTypes.newQdisc ? 'qdisc' : 'class'} ${trafficControlKind(each)} on ifindex ${ifindex}`,
        type,
        nlmsgFlags.create | nlmsgFlags.exclusive,
        toInterface(each, ifindex, type === rtmTypes.newQdisc),
      ),
    );
}

function toInterface(object: RawObject, ifindex: number, isQdisc: boolean): RawObject {
  let made = withBodyU32(object, tcmsg.tcm_ifindex, ifindex);
  made = withBodyU32(made, tcmsg.tcm_info, 0); // references of a qdisc, leaf of a class
  made = withoutRawAttributes(made, ...reported, tca.chain);
  return isQdisc
    ? mapRawAttribute(made, tca.options, (value) => toSettableOptions(trafficControlKind(object), value))
    : made;
}

/** Returns a qdisc's options as the kernel takes them: what it reports is not always what it accepts. */
function toSettableOptions(kind: string, options: Buffer): Buffer {
  if (kind === 'htb')
    return mapNested(options, { 2: (init) => Buffer.concat([rawU32(3), init.subarray(4, 16), rawU32(0)]) });
  // The kernel keeps them in units of 1,024 ns and reports them rounded down (net/sched/sch_fq_codel.c).
  const roundUp = (value: Buffer): Buffer => rawU32(value.readUInt32LE(0) + 1);
  if (kind === 'fq_codel') return mapNested(options, { 1: roundUp, 3: roundUp, 7: roundUp });
  if (kind === 'codel') return mapNested(options, { 1: roundUp, 3: roundUp, 5: roundUp });
  if (kind === 'sfq' && options.length >= 12) {
    const changed = Buffer.from(options);
    changed.writeUInt32LE(changed.readUInt32LE(8) + 1, 8); // struct tc_sfq_qopt: limit, reported less one
    return changed;
  }
  return options;
}

function mapNested(options: Buffer, changes: Record<number, (value: Buffer) => Buffer>): Buffer {
  const nested = getRawNested({ attributes: [{ type: 1, value: options }] }, 1);
  return encodeRawAttributes(
    nested.map(({ type, value }) => ({ type, value: changes[type & typeMask]?.(value) ?? value })),
  );
}

/** Attribute of the flags TCA_CLS_FLAGS_* of a filter kind, and attributes that the kernel only reports. */
const filterAttributes: Record<string, { flags: number; reported: readonly number[] }> = {
  u32: { flags: 11, reported: [2] },
  flower: { flags: 22, reported: [86] },
  matchall: { flags: 3, reported: [4] },
  bpf: { flags: 8, reported: [9, 10, 11] },
};
/** Attributes of a BPF filter, TCA_BPF_*, <linux/pkt_cls.h>. */
const bpfFilter = { fd: 6, id: 11 } as const;

/** Returns the id of the program of a BPF filter, or null. */
export const filterProgramId = (filter: RawObject): number | null =>
  trafficControlKind(filter) === 'bpf'
    ? getRawU32({ attributes: getRawNested(filter, tca.options) }, bpfFilter.id)
    : null;

/** Root hash tables of u32 have the ids 800 to fff; others were made by hand, for filters that link to them. */
const isRootTable = (handle: number): boolean => handle >>> 20 >= 0x800;
const u32Link = 3;

/**
 * Tells whether a filter can be made again from what the kernel reports: not u32 filters in hash tables of their own,
 * whose ids would be others on another interface.
 */
export const canCarryFilter = (filter: RawObject): boolean =>
  trafficControlKind(filter) !== 'u32' ||
  (isRootTable(filter.body.readUInt32LE(tcmsg.tcm_handle)) &&
    getRawU32({ attributes: getRawNested(filter, tca.options) }, u32Link) === null);

/** Tells whether a reported object is a filter, and not the head of its chain or a hash table of u32. */
export function isFilter(filter: RawObject): boolean {
  const options = getRawNested(filter, tca.options);
  if (options.length === 0) return false;
  const handle = filter.body.readUInt32LE(tcmsg.tcm_handle);
  return trafficControlKind(filter) !== 'u32' || (handle & 0xfff) !== 0;
}

/**
 * Builds the requests that make filters on another interface. Their actions are named by index, which binds the new
 * filters to the same actions, so that counters and token buckets go on.
 * @param openProgram returns a descriptor of a BPF program, which stays open until the request was sent
 */
export const buildFilterRequests = (
  filters: readonly RawObject[],
  ifindex: number,
  openProgram: (id: number) => number | null,
): NetlinkRequest[] =>
  filters
    .filter((each) => isFilter(each) && canCarryFilter(each))
    .map((filter) => {
      const kind = trafficControlKind(filter);
      const program = filterProgramId(filter);
      const descriptor = program === null ? null : openProgram(program);
      let made = withBodyU32(filter, tcmsg.tcm_ifindex, ifindex);
      // The handle of a u32 filter names a hash table of the old interface.
      if (kind === 'u32') made = withBodyU32(made, tcmsg.tcm_handle, 0);
      made = withoutRawAttributes(made, ...reported);
      made = mapRawAttribute(made, tca.options, (value) => toSettableFilter(kind, value, descriptor));
      return buildRawRequest(
        `make filter ${kind} on ifindex ${ifindex}`,
        rtmTypes.newFilter,
        nlmsgFlags.create | nlmsgFlags.exclusive,
        made,
      );
    });

function toSettableFilter(kind: string, options: Buffer, program: number | null): Buffer {
  const known = filterAttributes[kind];
  const nested: RawAttribute[] = getRawNested({ attributes: [{ type: 1, value: options }] }, 1);
  const settable = nested
    .filter(({ type }) => !known?.reported.includes(type & typeMask))
    .map(({ type, value }) =>
      known?.flags === (type & typeMask)
        ? { type, value: rawU32(value.readUInt32LE(0) & ~hardwareFlags) }
        : { type, value },
    );
  return encodeRawAttributes(
    program === null ? settable : [{ type: bpfFilter.fd, value: rawU32(program) }, ...settable],
  );
}

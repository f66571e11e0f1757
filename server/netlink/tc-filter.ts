import type { NetlinkAttributeReader, NetlinkMessageReader } from './message.ts';
import { nlmsgFlags, rtmTypes } from './message-constants.ts';
import { tcmsg } from './netlink-structs.ts';
import type { NetlinkRequest, NetlinkSocket } from './socket.ts';
import { clsactQdiscHandle, encodeTcmsg, tcaAttributes } from './tc-message.ts';

/** Attributes TCA_BPF_* of a tc filter, <linux/pkt_cls.h>. */
const tcaBpf = { fd: 6, name: 7, flags: 8, tag: 10, id: 11 } as const;
const TCA_BPF_FLAG_ACT_DIRECT = 1;
/** Minor handles TC_H_MIN_INGRESS and TC_H_MIN_EGRESS of clsact, <linux/pkt_sched.h>. */
const minors = { 'tc/ingress': 0xfff2, 'tc/egress': 0xfff3 } as const;
const ETH_P_ALL = 3;

export type TcHook = keyof typeof minors;

/** A tc filter on a clsact hook. The lowest priority runs first; within a priority, the newest filter does. */
export interface TcFilter {
  /** Kind of the filter, such as `bpf`, `flower` or `matchall`. */
  kind: string;
  priority: number;
  handle: number;
  chain: number;
  /** Ethernet protocol that the filter matches (ETH_P_*); 3 for all. */
  protocol: number;
  /** Id of the program that a `bpf` filter runs; null for other kinds. */
  programId: number | null;
  name: string | null;
  /** Tag of the filter's program, 16 hexadecimal digits. */
  tag: string | null;
  /** True if the program's return value is the verdict. With TC_ACT_UNSPEC, the next filter runs. */
  directAction: boolean;
}

/** Priority and handle of a tc filter, which identify it on its hook. */
export interface TcFilterPosition {
  /** Priority of the filter, 1 to 65535. */
  priority: number;
  /** Handle of the filter, unique within its priority and at least 1. */
  handle: number;
}

export interface NewTcBpfFilter {
  /** Descriptor of the program to run in direct-action mode. */
  program: number;
  name: string;
  /** Priority of the filter; default 1. */
  priority?: number;
  /** Handle of the filter; default chosen by the kernel. */
  handle?: number;
}

const parentOf = (hook: TcHook): number => clsactQdiscHandle + minors[hook];

/** Packs `tcm_info`: the priority in the upper 16 bits, the protocol in network byte order in the lower 16. */
const infoOf = (priority: number): number => {
  if (!Number.isInteger(priority) || priority < 1 || priority > 0xffff)
    throw new RangeError(`filter priority ${priority}: not from 1 to 65535`);
  return priority * 0x1_0000 + swapped(ETH_P_ALL);
};

const swapped = (value: number): number => ((value & 0xff) << 8) | (value >>> 8);

/** Adds a tc filter that runs a BPF program. @throws NetlinkError EEXIST if the priority and handle are taken */
export const addTcBpfFilter = (
  socket: NetlinkSocket,
  ifindex: number,
  hook: TcHook,
  filter: NewTcBpfFilter,
): Promise<void> => socket.request(buildBpfFilterRequest(ifindex, hook, filter, 'attach'));

/**
 * Replaces the program at a position atomically, so that no packet passes without one, or attaches it there. It also
 * replaces a foreign filter: check `listTcFilters` first.
 * @throws NetlinkError EINVAL when a filter of another kind has the priority
 */
export const replaceTcBpfFilter = (
  socket: NetlinkSocket,
  ifindex: number,
  hook: TcHook,
  filter: NewTcBpfFilter & TcFilterPosition,
): Promise<void> => socket.request(buildBpfFilterRequest(ifindex, hook, filter, 'replace'));

/** Builds a netlink request that adds a tc filter which runs a BPF program, or replaces the one at its position. */
export const buildBpfFilterRequest = (
  ifindex: number,
  hook: TcHook,
  { program, name, priority = 1, handle = 0 }: NewTcBpfFilter,
  verb: 'attach' | 'replace',
): NetlinkRequest => ({
  operation: `${verb} ${name} ${verb === 'attach' ? 'to' : 'at'} ${hook} of ifindex ${ifindex}`,
  type: rtmTypes.newFilter,
  flags: nlmsgFlags.create | (verb === 'attach' ? nlmsgFlags.exclusive : nlmsgFlags.replace),
  encode: (message) => {
    encodeTcmsg(message, { ifindex, handle, parent: parentOf(hook), info: infoOf(priority) });
    message.attributeString(tcaAttributes.kind, 'bpf');
    const options = message.openNest(tcaAttributes.options);
    message.attributeU32(tcaBpf.fd, program);
    message.attributeString(tcaBpf.name, name);
    message.attributeU32(tcaBpf.flags, TCA_BPF_FLAG_ACT_DIRECT);
    message.closeNest(options);
  },
});

/** Deletes one tc filter by its priority and handle. @throws NetlinkError ENOENT if there is no such filter */
export const deleteTcBpfFilter = (
  socket: NetlinkSocket,
  ifindex: number,
  hook: TcHook,
  { priority, handle }: TcFilterPosition,
): Promise<void> =>
  socket.request({
    operation: `delete filter pref ${priority} handle ${handle} of ${hook} of ifindex ${ifindex}`,
    type: rtmTypes.delFilter,
    encode: (message) => {
      // With handle 0 the kernel deletes all filters of the priority.
      if (handle < 1) throw new RangeError(`filter handle ${handle}: not from 1`);
      encodeTcmsg(message, { ifindex, handle, parent: parentOf(hook), info: infoOf(priority) });
      message.attributeString(tcaAttributes.kind, 'bpf');
    },
  });

/** Lists all tc filters on a clsact hook in execution order, including foreign ones; empty without a clsact qdisc. */
export const listTcFilters = (socket: NetlinkSocket, ifindex: number, hook: TcHook): Promise<TcFilter[]> =>
  socket.dump(
    {
      operation: `dump filters of ${hook} of ifindex ${ifindex}`,
      type: rtmTypes.getFilter,
      encode: (message) => encodeTcmsg(message, { ifindex, parent: parentOf(hook) }),
    },
    parseTcFilter,
  );

/** Lists the tc filters on a clsact hook that run a BPF program. */
export const listTcBpfFilters = async (
  socket: NetlinkSocket,
  ifindex: number,
  hook: TcHook,
): Promise<TcFilter[]> => (await listTcFilters(socket, ifindex, hook)).filter(({ kind }) => kind === 'bpf');

/** Parses RTM_NEWTFILTER; null for the entry of a priority, which is not a filter. @throws MalformedNetlinkMessage */
export function parseTcFilter(message: NetlinkMessageReader): TcFilter | null {
  const attributes = message.attributes(tcmsg.bytes);
  const info = message.buffer.readUInt32LE(message.start + tcmsg.tcm_info);
  const filter: TcFilter = {
    kind: '',
    priority: info >>> 16,
    handle: message.buffer.readUInt32LE(message.start + tcmsg.tcm_handle),
    chain: 0,
    protocol: swapped(info & 0xffff),
    programId: null,
    name: null,
    tag: null,
    directAction: false,
  };
  let isFilter = false;
  while (attributes.next()) {
    if (attributes.type === tcaAttributes.kind) filter.kind = attributes.string();
    else if (attributes.type === tcaAttributes.chain) filter.chain = attributes.u32();
    else if (attributes.type === tcaAttributes.options) {
      isFilter = true;
      if (filter.kind === 'bpf') parseBpf(filter, attributes.nested());
    }
  }
  return isFilter ? filter : null;
}

function parseBpf(filter: TcFilter, options: NetlinkAttributeReader): void {
  while (options.next()) {
    if (options.type === tcaBpf.name) filter.name = options.string();
    else if (options.type === tcaBpf.flags)
      filter.directAction = (options.u32() & TCA_BPF_FLAG_ACT_DIRECT) !== 0;
    else if (options.type === tcaBpf.tag) filter.tag = options.bytes().toString('hex');
    else if (options.type === tcaBpf.id) filter.programId = options.u32();
  }
}

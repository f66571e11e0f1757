import { nlmFlag, rtm } from './constants.ts';
import { tcmsg } from './kernel-structs.ts';
import type { AttributeReader, MessageReader } from './message.ts';
import type { NetlinkSocket } from './socket.ts';
import { clsactHandle, encodeTcmsg, tca } from './tc-message.ts';

/** TCA_BPF_*, <linux/pkt_cls.h>. */
const tcaBpf = { fd: 6, name: 7, flags: 8, tag: 10, id: 11 } as const;
const TCA_BPF_FLAG_ACT_DIRECT = 1;
/** TC_H_MIN_INGRESS and TC_H_MIN_EGRESS, <linux/pkt_sched.h>. */
const minors = { 'tc/ingress': 0xfff2, 'tc/egress': 0xfff3 } as const;
const ETH_P_ALL = 3;

export type TcHook = keyof typeof minors;

/** A filter of a clsact hook, whoever added it. The lowest priority runs first, and within one the newest filter. */
export interface TcFilter {
  /** `bpf`, `flower`, `matchall`, … */
  kind: string;
  priority: number;
  handle: number;
  chain: number;
  /** the Ethernet protocol that it matches, ETH_P_*; 3: all */
  protocol: number;
  /** id of the program of a `bpf` filter */
  programId: number | null;
  name: string | null;
  /** tag of the program, 16 hexadecimal digits */
  tag: string | null;
  /** the program's return value is the verdict; with TC_ACT_UNSPEC the next filter runs */
  directAction: boolean;
}

/** The position of a filter on its hook, by which the kernel identifies it. */
export interface TcFilterPosition {
  /** 1 to 65535 */
  priority: number;
  /** from 1, unique within its priority */
  handle: number;
}

export interface NewBpfFilter {
  /** descriptor of the program, which runs in direct-action mode */
  program: number;
  name: string;
  /** default 1 */
  priority?: number;
  /** default: chosen by the kernel */
  handle?: number;
}

const parentOf = (hook: TcHook): number => clsactHandle + minors[hook];

/** Packs `tcm_info`: priority in the upper half, the protocol in network order in the lower. */
const infoOf = (priority: number): number => {
  if (!Number.isInteger(priority) || priority < 1 || priority > 0xffff)
    throw new RangeError(`filter priority ${priority}: not from 1 to 65535`);
  return priority * 0x1_0000 + swapped(ETH_P_ALL);
};

const swapped = (value: number): number => ((value & 0xff) << 8) | (value >>> 8);

/** Attaches a program to a clsact hook. @throws NetlinkError EEXIST when there is a filter at this position */
export const addBpfFilter = (
  socket: NetlinkSocket,
  ifindex: number,
  hook: TcHook,
  filter: NewBpfFilter,
): Promise<void> => writeBpfFilter(socket, ifindex, hook, filter, 'attach');

/**
 * Replaces the program at a position atomically, so that no packet passes without one, or attaches it there. It also
 * replaces a foreign filter: check `listTcFilters` first.
 * @throws NetlinkError EINVAL when a filter of another kind has the priority
 */
export const replaceBpfFilter = (
  socket: NetlinkSocket,
  ifindex: number,
  hook: TcHook,
  filter: NewBpfFilter & TcFilterPosition,
): Promise<void> => writeBpfFilter(socket, ifindex, hook, filter, 'replace');

const writeBpfFilter = (
  socket: NetlinkSocket,
  ifindex: number,
  hook: TcHook,
  { program, name, priority = 1, handle = 0 }: NewBpfFilter,
  verb: 'attach' | 'replace',
): Promise<void> =>
  socket.request({
    operation: `${verb} ${name} ${verb === 'attach' ? 'to' : 'at'} ${hook} of ifindex ${ifindex}`,
    type: rtm.newFilter,
    flags: nlmFlag.create | (verb === 'attach' ? nlmFlag.exclusive : nlmFlag.replace),
    encode: (message) => {
      encodeTcmsg(message, { ifindex, handle, parent: parentOf(hook), info: infoOf(priority) });
      message.attributeString(tca.kind, 'bpf');
      const options = message.openNest(tca.options);
      message.attributeU32(tcaBpf.fd, program);
      message.attributeString(tcaBpf.name, name);
      message.attributeU32(tcaBpf.flags, TCA_BPF_FLAG_ACT_DIRECT);
      message.closeNest(options);
    },
  });

/** Deletes one filter and leaves the others. @throws NetlinkError ENOENT when there is none at this position */
export const deleteBpfFilter = (
  socket: NetlinkSocket,
  ifindex: number,
  hook: TcHook,
  { priority, handle }: TcFilterPosition,
): Promise<void> =>
  socket.request({
    operation: `delete filter pref ${priority} handle ${handle} of ${hook} of ifindex ${ifindex}`,
    type: rtm.delFilter,
    encode: (message) => {
      // With handle 0 the kernel deletes all filters of the priority.
      if (handle < 1) throw new RangeError(`filter handle ${handle}: not from 1`);
      encodeTcmsg(message, { ifindex, handle, parent: parentOf(hook), info: infoOf(priority) });
      message.attributeString(tca.kind, 'bpf');
    },
  });

/** Lists the filters of a hook, foreign ones too, in the order they run; none without clsact. */
export const listTcFilters = (socket: NetlinkSocket, ifindex: number, hook: TcHook): Promise<TcFilter[]> =>
  socket.dump(
    {
      operation: `dump filters of ${hook} of ifindex ${ifindex}`,
      type: rtm.getFilter,
      encode: (message) => encodeTcmsg(message, { ifindex, parent: parentOf(hook) }),
    },
    parseFilter,
  );

/** Lists the filters of a hook that run a BPF program. */
export const listBpfFilters = async (
  socket: NetlinkSocket,
  ifindex: number,
  hook: TcHook,
): Promise<TcFilter[]> => (await listTcFilters(socket, ifindex, hook)).filter(({ kind }) => kind === 'bpf');

/** Parses RTM_NEWTFILTER; null for the entry of a priority, which is no filter. @throws MalformedMessage */
export function parseFilter(message: MessageReader): TcFilter | null {
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
    if (attributes.type === tca.kind) filter.kind = attributes.string();
    else if (attributes.type === tca.chain) filter.chain = attributes.u32();
    else if (attributes.type === tca.options) {
      isFilter = true;
      if (filter.kind === 'bpf') parseBpf(filter, attributes.nested());
    }
  }
  return isFilter ? filter : null;
}

function parseBpf(filter: TcFilter, options: AttributeReader): void {
  while (options.next()) {
    if (options.type === tcaBpf.name) filter.name = options.string();
    else if (options.type === tcaBpf.flags)
      filter.directAction = (options.u32() & TCA_BPF_FLAG_ACT_DIRECT) !== 0;
    else if (options.type === tcaBpf.tag) filter.tag = options.bytes().toString('hex');
    else if (options.type === tcaBpf.id) filter.programId = options.u32();
  }
}

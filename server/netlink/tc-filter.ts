import { isNetlinkError } from './error.ts';
import type { AttributeReader, MessageReader, MessageWriter } from './message.ts';
import { nlmFlag, rtm } from './constants.ts';
import type { NetlinkSocket } from './socket.ts';

/** TCA_*, TCA_BPF_* and TC_H_* of <linux/rtnetlink.h>, <linux/pkt_cls.h>, <linux/pkt_sched.h>. */
const tca = { kind: 1, options: 2, chain: 11 } as const;
const tcaBpf = { fd: 6, name: 7, flags: 8, tag: 10, id: 11 } as const;
const tcmsgBytes = 20;
const TCA_BPF_FLAG_ACT_DIRECT = 1;
const clsactParent = 0xffff_fff1;
const clsactHandle = 0xffff_0000;
const minors = { 'tc/ingress': 0xfff2, 'tc/egress': 0xfff3 } as const;
const ETH_P_ALL = 3;

export type TcHook = keyof typeof minors;

/** A filter of a clsact hook, ours or somebody else's. They run by `priority`, the lowest first; of one, the newest first. */
export interface TcFilter {
  /** `bpf`, `flower`, `matchall`, … */
  kind: string;
  priority: number;
  handle: number;
  chain: number;
  /** the Ethernet protocol it is for, ETH_P_*; 3: all */
  protocol: number;
  /** of `bpf` ones: the program, by its id in the kernel */
  programId: number | null;
  name: string | null;
  /** the program's, 16 hexadecimal digits */
  tag: string | null;
  /** what the program answers is the verdict: TC_ACT_UNSPEC goes on to the next filter */
  directAction: boolean;
}

/** Where a filter is: with the hook, what the kernel tells it by. */
export interface TcFilterPosition {
  /** 1 to 65535 */
  priority: number;
  /** among those of one priority, from 1 */
  handle: number;
}

export interface NewBpfFilter {
  /** descriptor of the program, which is run in direct action */
  program: number;
  name: string;
  /** default 1 */
  priority?: number;
  /** default: chosen by the kernel */
  handle?: number;
}

/** struct tcmsg: u8 family, 3 bytes pad, i32 ifindex, u32 handle, u32 parent, u32 info. */
const encodeTcmsg = (
  message: MessageWriter,
  ifindex: number,
  handle: number,
  parent: number,
  info = 0,
): void => {
  message.u32(0).i32(ifindex).u32(handle).u32(parent).u32(info);
};

const parentOf = (hook: TcHook): number => clsactHandle + minors[hook];

/** Priority in the upper half, the protocol in network order in the lower. */
const infoOf = (priority: number): number => {
  if (!Number.isInteger(priority) || priority < 1 || priority > 0xffff)
    throw new RangeError(`filter priority ${priority}: from 1 to 65535`);
  return priority * 0x1_0000 + swapped(ETH_P_ALL);
};

const swapped = (value: number): number => ((value & 0xff) << 8) | (value >>> 8);

/** Gives an interface its clsact qdisc. @throws NetlinkError EEXIST when it has one, ENOENT without sch_ingress */
export const addClsact = (socket: NetlinkSocket, ifindex: number): Promise<void> =>
  socket.request({
    operation: `add clsact qdisc to ifindex ${ifindex}`,
    type: rtm.newQdisc,
    flags: nlmFlag.create | nlmFlag.exclusive,
    encode: (message) => {
      encodeTcmsg(message, ifindex, clsactHandle, clsactParent);
      message.attributeString(tca.kind, 'clsact');
    },
  });

/** Takes the clsact qdisc away, and with it all filters, also those of others: see `filters` first. */
export const deleteClsact = (socket: NetlinkSocket, ifindex: number): Promise<void> =>
  socket.request({
    operation: `delete clsact qdisc of ifindex ${ifindex}`,
    type: rtm.delQdisc,
    encode: (message) => {
      encodeTcmsg(message, ifindex, clsactHandle, clsactParent);
      message.attributeString(tca.kind, 'clsact');
    },
  });

/**
 * The qdisc on which an interface's filters are: clsact, or the older `ingress`, which has no egress and must go
 * before clsact can come. Null: neither. @throws NetlinkError ENODEV
 */
export async function getIngressQdisc(
  socket: NetlinkSocket,
  ifindex: number,
): Promise<'clsact' | 'ingress' | null> {
  try {
    const kind = await socket.get(
      {
        operation: `get clsact qdisc of ifindex ${ifindex}`,
        type: rtm.getQdisc,
        // Without it, kernels tell the answer to listeners alone.
        flags: nlmFlag.echo,
        encode: (message) => encodeTcmsg(message, ifindex, clsactHandle, clsactParent),
      },
      (message) => {
        const attributes = message.attributes(tcmsgBytes);
        while (attributes.next()) if (attributes.type === tca.kind) return attributes.string();
        return null;
      },
    );
    return kind === 'clsact' || kind === 'ingress' ? kind : null;
  } catch (error) {
    // EINVAL: one was there and is gone.
    if (isNetlinkError(error, 'ENOENT', 'EINVAL')) return null;
    throw error;
  }
}

/** Which interfaces of the socket's namespace have a qdisc that filters are on: `getIngressQdisc` of all at once. */
export async function listIngressQdiscs(socket: NetlinkSocket): Promise<Map<number, 'clsact' | 'ingress'>> {
  const found = new Map<number, 'clsact' | 'ingress'>();
  await socket.dump(
    {
      operation: 'dump qdiscs',
      type: rtm.getQdisc,
      encode: (message) => encodeTcmsg(message, 0, 0, 0),
    },
    (message) => {
      const attributes = message.attributes(tcmsgBytes);
      while (attributes.next()) {
        if (attributes.type !== tca.kind) continue;
        const kind = attributes.string();
        if (kind === 'clsact' || kind === 'ingress')
          found.set(message.buffer.readInt32LE(message.start + 4), kind);
      }
      return null;
    },
  );
  return found;
}

/** Attaches a program to a clsact hook. @throws NetlinkError EEXIST when there is a filter at this place */
export const addBpfFilter = (
  socket: NetlinkSocket,
  ifindex: number,
  hook: TcHook,
  filter: NewBpfFilter,
): Promise<void> => writeBpfFilter(socket, ifindex, hook, filter, 'attach');

/**
 * Swaps the program at a place in one step, or attaches it there: no packet goes by in between. It asks nobody whose
 * filter was there: see `filters` first. @throws NetlinkError EINVAL when one of another kind has the priority
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
      encodeTcmsg(message, ifindex, handle, parentOf(hook), infoOf(priority));
      message.attributeString(tca.kind, 'bpf');
      const options = message.openNest(tca.options);
      message.attributeU32(tcaBpf.fd, program);
      message.attributeString(tcaBpf.name, name);
      message.attributeU32(tcaBpf.flags, TCA_BPF_FLAG_ACT_DIRECT);
      message.closeNest(options);
    },
  });

/** Takes one filter away and leaves the others. @throws NetlinkError ENOENT when there is none at this place */
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
      // The kernel takes handle 0 for all of the priority.
      if (handle < 1) throw new RangeError(`filter handle ${handle}: from 1`);
      encodeTcmsg(message, ifindex, handle, parentOf(hook), infoOf(priority));
      message.attributeString(tca.kind, 'bpf');
    },
  });

/** All filters of a hook in the order they run, whoever made them; none without clsact. */
export const listTcFilters = (socket: NetlinkSocket, ifindex: number, hook: TcHook): Promise<TcFilter[]> =>
  socket.dump(
    {
      operation: `dump filters of ${hook} of ifindex ${ifindex}`,
      type: rtm.getFilter,
      encode: (message) => encodeTcmsg(message, ifindex, 0, parentOf(hook)),
    },
    parseFilter,
  );

/** Those of them that run a BPF program. */
export const listBpfFilters = async (
  socket: NetlinkSocket,
  ifindex: number,
  hook: TcHook,
): Promise<TcFilter[]> => (await listTcFilters(socket, ifindex, hook)).filter(({ kind }) => kind === 'bpf');

/** Reads RTM_NEWTFILTER; null for what is no filter but the head of a priority. @throws MalformedMessage */
export function parseFilter(message: MessageReader): TcFilter | null {
  const attributes = message.attributes(tcmsgBytes);
  const info = message.buffer.readUInt32LE(message.start + 16);
  const filter: TcFilter = {
    kind: '',
    priority: info >>> 16,
    handle: message.buffer.readUInt32LE(message.start + 8),
    chain: 0,
    protocol: swapped(info & 0xffff),
    programId: null,
    name: null,
    tag: null,
    directAction: false,
  };
  let head = true;
  while (attributes.next()) {
    if (attributes.type === tca.kind) filter.kind = attributes.string();
    else if (attributes.type === tca.chain) filter.chain = attributes.u32();
    else if (attributes.type === tca.options) {
      head = false;
      if (filter.kind === 'bpf') parseBpf(filter, attributes.nested());
    }
  }
  return head ? null : filter;
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

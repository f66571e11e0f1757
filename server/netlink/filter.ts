import type { MessageWriter } from './message.ts';
import { nlmFlag, rtm } from './rtnetlink.ts';
import type { RtnetlinkSocket } from './socket.ts';

/** TCA_*, TCA_BPF_* and TC_H_* of <linux/rtnetlink.h>, <linux/pkt_cls.h>, <linux/pkt_sched.h>. */
const tca = { kind: 1, options: 2 } as const;
const tcaBpf = { fd: 6, name: 7, flags: 8 } as const;
const TCA_BPF_FLAG_ACT_DIRECT = 1;
const clsactParent = 0xffff_fff1;
const clsactHandle = 0xffff_0000;
const minors = { 'tc/ingress': 0xfff2, 'tc/egress': 0xfff3 } as const;
const ETH_P_ALL_NETWORK_ORDER = 0x0300;

export type TcHook = keyof typeof minors;

/** struct tcmsg: u8 family, 3 bytes pad, i32 ifindex, u32 handle, u32 parent, u32 info. */
const writeTcmsg = (
  message: MessageWriter,
  ifindex: number,
  handle: number,
  parent: number,
  info = 0,
): void => {
  message.u32(0).i32(ifindex).u32(handle).u32(parent).u32(info);
};

/** Gives an interface its clsact qdisc. @throws NetlinkError EEXIST when it has one, ENOENT without sch_ingress */
export const addClsact = (socket: RtnetlinkSocket, ifindex: number): Promise<void> =>
  socket.request({
    tried: `add clsact qdisc to ifindex ${ifindex}`,
    type: rtm.newQdisc,
    flags: nlmFlag.create | nlmFlag.exclusive,
    encode: (message) => {
      writeTcmsg(message, ifindex, clsactHandle, clsactParent);
      message.attributeString(tca.kind, 'clsact');
    },
  });

/** Takes the clsact qdisc away, and with it all filters. */
export const deleteClsact = (socket: RtnetlinkSocket, ifindex: number): Promise<void> =>
  socket.request({
    tried: `delete clsact qdisc of ifindex ${ifindex}`,
    type: rtm.delQdisc,
    encode: (message) => {
      writeTcmsg(message, ifindex, clsactHandle, clsactParent);
      message.attributeString(tca.kind, 'clsact');
    },
  });

/** Attaches a program (descriptor `program`) to a clsact hook, in direct action. @throws NetlinkError */
export const addBpfFilter = (
  socket: RtnetlinkSocket,
  ifindex: number,
  hook: TcHook,
  { program, name, priority = 1 }: { program: number; name: string; priority?: number },
): Promise<void> =>
  socket.request({
    tried: `attach ${name} to ${hook} of ifindex ${ifindex}`,
    type: rtm.newFilter,
    flags: nlmFlag.create | nlmFlag.exclusive,
    encode: (message) => {
      const parent = clsactHandle + minors[hook];
      writeTcmsg(message, ifindex, 0, parent, priority * 0x1_0000 + ETH_P_ALL_NETWORK_ORDER);
      message.attributeString(tca.kind, 'bpf');
      const options = message.openNest(tca.options);
      message.attributeU32(tcaBpf.fd, program);
      message.attributeString(tcaBpf.name, name);
      message.attributeU32(tcaBpf.flags, TCA_BPF_FLAG_ACT_DIRECT);
      message.closeNest(options);
    },
  });

import {
  checkPair,
  endText,
  ifla,
  iflaInfo,
  type NewEnd,
  type NewPeer,
  writeEnd,
  writeIfinfo,
} from './ifinfo.ts';
import type { AttributeReader, MessageWriter } from './message.ts';
import { nlmFlag, rtm } from './rtnetlink.ts';
import type { RtnetlinkSocket } from './socket.ts';

/** IFLA_NETKIT_* and values, <linux/if_link.h> of 6.13. */
const attribute = {
  peerInfo: 1,
  primary: 2,
  policy: 3,
  peerPolicy: 4,
  mode: 5,
  scrub: 6,
  peerScrub: 7,
} as const;
const modes = ['l2', 'l3'] as const;
/** A policy is the verdict of a hook without programs: NETKIT_PASS or NETKIT_DROP. */
const policies = { forward: 0, blackhole: 2 } as const;
const scrubs = ['none', 'default'] as const;

export type NetkitMode = (typeof modes)[number];
export type NetkitPolicy = keyof typeof policies;
export type NetkitScrub = (typeof scrubs)[number];

export interface NewNetkit {
  mode: NetkitMode;
  /** what happens to packets an end sends while no program is attached to it; the kernel's default: forward */
  policy?: { primary: NetkitPolicy; peer: NetkitPolicy };
  /** whether mark and priority survive the crossing (Linux 6.13); the kernel's default: `default`, they do not */
  scrub?: { primary: NetkitScrub; peer: NetkitScrub };
  /** MACs only in mode l2 */
  primary: NewEnd;
  peer: NewPeer;
}

/** IFLA_INFO_DATA of a netkit link; null where the kernel did not say, as older ones do of scrub. */
export interface NetkitData {
  /** whether this end is the primary */
  primary: boolean;
  mode: NetkitMode | null;
  /** of this end, and of the other */
  policy: NetkitPolicy | null;
  peerPolicy: NetkitPolicy | null;
  scrub: NetkitScrub | null;
  peerScrub: NetkitScrub | null;
}

export function encodeNetkit(message: MessageWriter, netkit: NewNetkit): void {
  checkPair(netkit);
  writeEnd(message, netkit.primary);
  const info = message.openNest(ifla.linkInfo);
  message.attributeString(iflaInfo.kind, 'netkit');
  const data = message.openNest(iflaInfo.data);
  message.attributeU32(attribute.mode, modes.indexOf(netkit.mode));
  if (netkit.policy) writePolicies(message, netkit.policy);
  if (netkit.scrub) {
    message.attributeU32(attribute.scrub, scrubs.indexOf(netkit.scrub.primary));
    message.attributeU32(attribute.peerScrub, scrubs.indexOf(netkit.scrub.peer));
  }
  const peer = message.openNest(attribute.peerInfo);
  writeEnd(message, netkit.peer);
  message.closeNest(peer);
  message.closeNest(data);
  message.closeNest(info);
}

export function parseNetkitData(data: AttributeReader): NetkitData {
  const netkit: NetkitData = {
    primary: false,
    mode: null,
    policy: null,
    peerPolicy: null,
    scrub: null,
    peerScrub: null,
  };
  while (data.next()) {
    if (data.type === attribute.primary) netkit.primary = data.u8() !== 0;
    else if (data.type === attribute.mode) netkit.mode = modes[data.u32()] ?? null;
    else if (data.type === attribute.policy) netkit.policy = policyOf(data.u32());
    else if (data.type === attribute.peerPolicy) netkit.peerPolicy = policyOf(data.u32());
    else if (data.type === attribute.scrub) netkit.scrub = scrubs[data.u32()] ?? null;
    else if (data.type === attribute.peerScrub) netkit.peerScrub = scrubs[data.u32()] ?? null;
  }
  return netkit;
}

/**
 * @throws NetlinkError EEXIST when a name or an ifindex is taken (newer kernels: EBUSY for the peer's ifindex),
 * EOPNOTSUPP when the kernel has no netkit (its
 * text then is "Unknown device type", and the error has a hint)
 */
export const addNetkit = (socket: RtnetlinkSocket, netkit: NewNetkit): Promise<void> =>
  socket.request({
    tried: `add netkit ${endText(netkit.primary)} with peer ${endText(netkit.peer)}`,
    type: rtm.newLink,
    flags: nlmFlag.create | nlmFlag.exclusive,
    encode: (message) => encodeNetkit(message, netkit),
  });

/** Changes the policies of a running pair; only through the primary. */
export const setNetkitPolicy = (
  socket: RtnetlinkSocket,
  primaryIfindex: number,
  policy: { primary: NetkitPolicy; peer: NetkitPolicy },
): Promise<void> =>
  socket.request({
    tried: `set policy ${policy.primary}, peer ${policy.peer} on netkit ifindex ${primaryIfindex}`,
    type: rtm.newLink,
    encode: (message) => {
      writeIfinfo(message, primaryIfindex);
      const info = message.openNest(ifla.linkInfo);
      message.attributeString(iflaInfo.kind, 'netkit');
      const data = message.openNest(iflaInfo.data);
      writePolicies(message, policy);
      message.closeNest(data);
      message.closeNest(info);
    },
  });

const writePolicies = (
  message: MessageWriter,
  policy: { primary: NetkitPolicy; peer: NetkitPolicy },
): void => {
  message.attributeU32(attribute.policy, policies[policy.primary]);
  message.attributeU32(attribute.peerPolicy, policies[policy.peer]);
};

const policyOf = (verdict: number): NetkitPolicy | null =>
  verdict === policies.forward ? 'forward' : verdict === policies.blackhole ? 'blackhole' : null;

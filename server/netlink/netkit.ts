import { encodeIfinfomsg, ifla, iflaInfo } from './link-attributes.ts';
import type { NetlinkAttributeReader, NetlinkMessageWriter } from './message.ts';
import { nlmsgFlags, rtmTypes } from './message-constants.ts';
import {
  checkDevicePair,
  encodeNewDeviceEnd,
  formatDeviceEnd,
  type NewDeviceEnd,
  type NewDevicePeer,
} from './new-device-pair.ts';
import type { NetlinkRequest, NetlinkSocket } from './socket.ts';

/** `IFLA_NETKIT_*` attributes from <linux/if_link.h>, Linux 7.0. */
const attribute = {
  peerInfo: 1,
  primary: 2,
  policy: 3,
  peerPolicy: 4,
  mode: 5,
  scrub: 6,
  peerScrub: 7,
  headroom: 8,
  tailroom: 9,
  pairing: 10,
} as const;
const modes = ['l2', 'l3'] as const;
/** Verdicts on packets at a netkit hook without programs: NETKIT_PASS and NETKIT_DROP. */
const policies = { forward: 0, blackhole: 2 } as const;
const scrubs = ['none', 'default'] as const;
/** NETKIT_DEVICE_PAIR and NETKIT_DEVICE_SINGLE: a single device has no other end. */
const pairings = ['pair', 'single'] as const;

export type NetkitMode = (typeof modes)[number];
export type NetkitPolicy = keyof typeof policies;
export type NetkitScrub = (typeof scrubs)[number];
export type NetkitPairing = (typeof pairings)[number];

/**
 * Policies of the two ends of a netkit pair. A missing one takes the kernel's default at creation, else stays the
 * same.
 */
export interface NetkitPolicies {
  primary?: NetkitPolicy;
  peer?: NetkitPolicy;
}

export interface NewNetkit {
  mode: NetkitMode;
  /** Policy for packets that an end sends while it has no program; the kernel's default is `forward`. */
  policy?: NetkitPolicies;
  /** Scrubbing of packets that cross the pair; `none` keeps mark and priority (Linux 6.13), `default` clears them. */
  scrub?: { primary?: NetkitScrub; peer?: NetkitScrub };
  /** Bytes reserved in front of and behind each packet for lower devices, on both ends (Linux 6.15). */
  headroom?: number;
  tailroom?: number;
  /** The primary end of the new pair. MAC addresses are allowed only in mode L2. */
  primary: NewDeviceEnd;
  peer: NewDevicePeer;
}

/** Attributes in IFLA_INFO_DATA of a netkit link; null for those that an older kernel does not send, such as scrub. */
export interface NetkitLinkData {
  /** True if this end of the netkit pair is the primary. */
  primary: boolean;
  mode: NetkitMode | null;
  /** Policy of this end of the netkit pair; `peerPolicy` is that of the other end. */
  policy: NetkitPolicy | null;
  peerPolicy: NetkitPolicy | null;
  scrub: NetkitScrub | null;
  peerScrub: NetkitScrub | null;
  headroom: number | null;
  tailroom: number | null;
  /** Whether the device has another end; missing on kernels that have pairs only. */
  pairing?: NetkitPairing;
}

export function encodeNewNetkit(message: NetlinkMessageWriter, netkit: NewNetkit): void {
  checkDevicePair(netkit);
  encodeNewDeviceEnd(message, netkit.primary);
  const info = message.openNest(ifla.linkInfo);
  message.attributeString(iflaInfo.kind, 'netkit');
  const data = message.openNest(iflaInfo.data);
  message.attributeU32(attribute.mode, modes.indexOf(netkit.mode));
  if (netkit.policy) encodePolicies(message, netkit.policy);
  if (netkit.scrub) {
    const { primary, peer } = netkit.scrub;
    if (primary !== undefined) message.attributeU32(attribute.scrub, scrubs.indexOf(primary));
    if (peer !== undefined) message.attributeU32(attribute.peerScrub, scrubs.indexOf(peer));
  }
  if (netkit.headroom !== undefined) message.attributeU16(attribute.headroom, netkit.headroom);
  if (netkit.tailroom !== undefined) message.attributeU16(attribute.tailroom, netkit.tailroom);
  const peer = message.openNest(attribute.peerInfo);
  encodeNewDeviceEnd(message, netkit.peer);
  message.closeNest(peer);
  message.closeNest(data);
  message.closeNest(info);
}

export function parseNetkitLinkData(data: NetlinkAttributeReader): NetkitLinkData {
  const netkit: NetkitLinkData = {
    primary: false,
    mode: null,
    policy: null,
    peerPolicy: null,
    scrub: null,
    peerScrub: null,
    headroom: null,
    tailroom: null,
  };
  while (data.next()) {
    if (data.type === attribute.primary) netkit.primary = data.u8() !== 0;
    else if (data.type === attribute.mode) netkit.mode = modes[data.u32()] ?? null;
    else if (data.type === attribute.policy) netkit.policy = policyOf(data.u32());
    else if (data.type === attribute.peerPolicy) netkit.peerPolicy = policyOf(data.u32());
    else if (data.type === attribute.scrub) netkit.scrub = scrubs[data.u32()] ?? null;
    else if (data.type === attribute.peerScrub) netkit.peerScrub = scrubs[data.u32()] ?? null;
    else if (data.type === attribute.headroom) netkit.headroom = data.u16();
    else if (data.type === attribute.tailroom) netkit.tailroom = data.u16();
    else if (data.type === attribute.pairing) {
      const pairing = pairings[data.u32()];
      if (pairing !== undefined) netkit.pairing = pairing;
    }
  }
  return netkit;
}

/** Builds a netlink request that creates a netkit pair. */
export const buildAddNetkitRequest = (netkit: NewNetkit): NetlinkRequest => ({
  operation: `add netkit ${formatDeviceEnd(netkit.primary)} with peer ${formatDeviceEnd(netkit.peer)}`,
  type: rtmTypes.newLink,
  flags: nlmsgFlags.create | nlmsgFlags.exclusive,
  encode: (message) => encodeNewNetkit(message, netkit),
});

/**
 * Creates a netkit pair.
 * @throws NetlinkError EEXIST when a name or an ifindex is taken (newer kernels: EBUSY for the peer's ifindex),
 * EOPNOTSUPP for a MAC in mode l3, or when the kernel has no netkit (its text then is "Unknown device type", and the
 * error has a hint)
 */
export const addNetkit = (socket: NetlinkSocket, netkit: NewNetkit): Promise<void> =>
  socket.request(buildAddNetkitRequest(netkit));

/**
 * Changes the policy of one end or both of a running pair in one step. The kernel takes it through the primary only.
 * @throws NetlinkError EACCES through the peer, EINVAL when it is no netkit
 */
export const setNetkitPolicies = (
  socket: NetlinkSocket,
  primaryIfindex: number,
  policy: NetkitPolicies,
): Promise<void> => socket.request(buildNetkitPoliciesRequest(primaryIfindex, policy));

/** Builds a netlink request that changes the policies of a netkit pair. */
export const buildNetkitPoliciesRequest = (
  primaryIfindex: number,
  policy: NetkitPolicies,
): NetlinkRequest => ({
  operation: `set policy ${policyText(policy)} on netkit ifindex ${primaryIfindex}`,
  type: rtmTypes.newLink,
  encode: (message) => {
    encodeIfinfomsg(message, primaryIfindex);
    const info = message.openNest(ifla.linkInfo);
    message.attributeString(iflaInfo.kind, 'netkit');
    const data = message.openNest(iflaInfo.data);
    encodePolicies(message, policy);
    message.closeNest(data);
    message.closeNest(info);
  },
});

const encodePolicies = (message: NetlinkMessageWriter, { primary, peer }: NetkitPolicies): void => {
  if (primary !== undefined) message.attributeU32(attribute.policy, policies[primary]);
  if (peer !== undefined) message.attributeU32(attribute.peerPolicy, policies[peer]);
};

const policyText = ({ primary, peer }: NetkitPolicies): string =>
  [primary ?? [], peer === undefined ? [] : `peer ${peer}`].flat().join(', ');

const policyOf = (verdict: number): NetkitPolicy | null =>
  verdict === policies.forward ? 'forward' : verdict === policies.blackhole ? 'blackhole' : null;

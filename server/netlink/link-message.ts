import { formatMacAddress } from './ip-address.ts';
import { ifla, iflaInfo, interfaceFlags } from './link-attributes.ts';
import type { NetlinkAttributeReader, NetlinkMessageReader } from './message.ts';
import { type NetkitLinkData, parseNetkitLinkData } from './netkit.ts';
import { ifinfomsg, rtnl_link_stats64 } from './netlink-structs.ts';

/** Operational states IF_OPER_* of a link, RFC 2863. */
const operationalStates = [
  'unknown',
  'notpresent',
  'down',
  'lowerlayerdown',
  'testing',
  'dormant',
  'up',
] as const;

/** Attributes IFLA_MACVLAN_MODE and IFLA_IPVLAN_MODE, and the names of their values as iproute2 has them. */
const modeAttribute = 1;
const macvlanModes: Readonly<Record<number, string>> = {
  1: 'private',
  2: 'vepa',
  4: 'bridge',
  8: 'passthru',
  16: 'source',
};
const ipvlanModes: Readonly<Record<number, string>> = { 0: 'l2', 1: 'l3', 2: 'l3s' };
const modesByKind: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  macvlan: macvlanModes,
  macvtap: macvlanModes,
  ipvlan: ipvlanModes,
  ipvtap: ipvlanModes,
};

export interface LinkCounters {
  packets: number;
  bytes: number;
  errors: number;
  dropped: number;
}

/** A network interface as seen from one network namespace. */
export interface NetworkLink {
  ifindex: number;
  name: string;
  /** Device kind (IFLA_INFO_KIND); null for physical interfaces and loopback. */
  kind: string | null;
  netkit: NetkitLinkData | null;
  /** True if the link is administratively up. */
  up: boolean;
  /** True if the link is administratively up and has carrier. */
  running: boolean;
  operationalState: (typeof operationalStates)[number];
  /**
   * Name of the link's qdisc; `noop`, which drops all packets, from the time the link is up until its carrier is
   * detected.
   */
  queueingDiscipline: string | null;
  /** Interface flags IFF_*, <linux/if.h>. */
  flags: number;
  /** MTU of the link in bytes. */
  mtu: number;
  /** MAC address; null for links without one, such as netkit in L3 mode and loopback. */
  mac: string | null;
  /** Interface index of the bridge, bond or VRF that the link is a port of. */
  master: number | null;
  alias: string | null;
  alternativeNames: string[];
  group: number;
  /** Interface index of the other end, in the namespace with id `peerNamespaceId` (null for the same namespace). */
  peerIfindex: number | null;
  peerNamespaceId: number | null;
  /** Id of the namespace that the link has moved to, in the event of its removal from this one. */
  movedToNamespaceId?: number;
  /** Mode of a macvlan or ipvlan, such as `bridge` or `l3`; `peerIfindex` is its parent then. */
  mode?: string;
  /** Packet counters of the link; null unless requested. */
  stats: { receive: LinkCounters; transmit: LinkCounters } | null;
}

/** Parses RTM_NEWLINK or RTM_DELLINK. @throws MalformedNetlinkMessage */
export function parseLinkMessage(message: NetlinkMessageReader, stats = false): NetworkLink {
  const attributes = message.attributes(ifinfomsg.bytes);
  const flags = message.buffer.readUInt32LE(message.start + ifinfomsg.ifi_flags);
  const link: NetworkLink = {
    ifindex: message.buffer.readInt32LE(message.start + ifinfomsg.ifi_index),
    name: '',
    kind: null,
    netkit: null,
    up: (flags & interfaceFlags.up) !== 0,
    running: (flags & interfaceFlags.up) !== 0 && (flags & interfaceFlags.lowerUp) !== 0,
    operationalState: 'unknown',
    queueingDiscipline: null,
    flags,
    mtu: 0,
    mac: null,
    master: null,
    alias: null,
    alternativeNames: [],
    group: 0,
    peerIfindex: null,
    peerNamespaceId: null,
    stats: null,
  };
  while (attributes.next()) {
    if (attributes.type !== ifla.stats64) parseAttribute(link, attributes);
    else if (stats) link.stats = parseStats(attributes);
  }
  return link;
}

function parseAttribute(link: NetworkLink, attribute: NetlinkAttributeReader): void {
  switch (attribute.type) {
    case ifla.name:
      link.name = attribute.string();
      break;
    case ifla.mtu:
      link.mtu = attribute.u32();
      break;
    case ifla.address:
      link.mac = parseMac(attribute);
      break;
    case ifla.operationalState:
      link.operationalState = operationalStates[attribute.u8()] ?? 'unknown';
      break;
    case ifla.queueingDiscipline:
      link.queueingDiscipline = attribute.string();
      break;
    case ifla.master:
      link.master = attribute.u32();
      break;
    case ifla.alias:
      link.alias = attribute.string();
      break;
    case ifla.group:
      link.group = attribute.u32();
      break;
    case ifla.link:
      link.peerIfindex = attribute.u32();
      break;
    case ifla.linkNamespaceId:
      link.peerNamespaceId = attribute.i32();
      break;
    case ifla.newNamespaceId:
      link.movedToNamespaceId = attribute.i32();
      break;
    case ifla.propertyList: {
      const properties = attribute.nested();
      while (properties.next())
        if (properties.type === ifla.altname) link.alternativeNames.push(properties.string());
      break;
    }
    case ifla.linkInfo: {
      const info = attribute.nested();
      while (info.next()) {
        if (info.type === iflaInfo.kind) link.kind = info.string();
        else if (info.type === iflaInfo.data && link.kind === 'netkit')
          link.netkit = parseNetkitLinkData(info.nested());
        else if (info.type === iflaInfo.data) parseMode(link, info.nested());
      }
    }
  }
}

/** Parses the mode of a macvlan, macvtap, ipvlan or ipvtap. */
function parseMode(link: NetworkLink, data: NetlinkAttributeReader): void {
  const modes = link.kind === null ? undefined : modesByKind[link.kind];
  if (modes === undefined) return;
  while (data.next()) {
    if (data.type !== modeAttribute) continue;
    // macvlan has a u32, ipvlan a u16.
    const mode = modes[data.end - data.start >= 4 ? data.u32() : data.bytes().readUInt16LE(0)];
    if (mode !== undefined) link.mode = mode;
  }
}

const parseMac = (attribute: NetlinkAttributeReader): string | null =>
  attribute.bytes().every((byte) => byte === 0) ? null : formatMacAddress(attribute.bytes());

/** Parses struct rtnl_link_stats64, whose fields are all u64. */
const parseStats = (attribute: NetlinkAttributeReader): NetworkLink['stats'] => ({
  receive: {
    packets: attribute.u64(rtnl_link_stats64.rx_packets),
    bytes: attribute.u64(rtnl_link_stats64.rx_bytes),
    errors: attribute.u64(rtnl_link_stats64.rx_errors),
    dropped: attribute.u64(rtnl_link_stats64.rx_dropped),
  },
  transmit: {
    packets: attribute.u64(rtnl_link_stats64.tx_packets),
    bytes: attribute.u64(rtnl_link_stats64.tx_bytes),
    errors: attribute.u64(rtnl_link_stats64.tx_errors),
    dropped: attribute.u64(rtnl_link_stats64.tx_dropped),
  },
});

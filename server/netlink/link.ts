import { isNetlinkError } from './error.ts';
import { iff, ifinfoBytes, ifla, iflaInfo, skipProtocolStats, encodeIfinfomsg } from './ifinfomsg.ts';
import { formatMac, macBytes } from './ip-address.ts';
import type { AttributeReader, MessageReader, MessageWriter } from './message.ts';
import { type NetkitData, parseNetkitData } from './netkit.ts';
import { nlmFlag, rtm } from './constants.ts';
import type { NetlinkRequest, NetlinkSocket } from './socket.ts';

/** IF_OPER_*, RFC 2863. */
const operationalStates = [
  'unknown',
  'notpresent',
  'down',
  'lowerlayerdown',
  'testing',
  'dormant',
  'up',
] as const;

export interface LinkCounters {
  packets: number;
  bytes: number;
  errors: number;
  dropped: number;
}

/** A network interface, as one namespace sees it. */
export interface NetworkLink {
  ifindex: number;
  name: string;
  /** IFLA_INFO_KIND; null for physical interfaces and loopback */
  kind: string | null;
  netkit: NetkitData | null;
  /** administratively up */
  up: boolean;
  /** administratively up and with carrier */
  running: boolean;
  operationalState: (typeof operationalStates)[number];
  /** `noop` drops everything: a link that is up has it until the kernel has noticed its carrier */
  queueingDiscipline: string | null;
  /** IFF_* of <linux/if.h> */
  flags: number;
  /** bytes */
  mtu: number;
  /** null where the link has none: the kernel then shows nothing or zeros (netkit l3, loopback) */
  mac: string | null;
  alias: string | null;
  alternativeNames: string[];
  group: number;
  /** ifindex of the other end, in the namespace `peerNamespaceId` names (null: the same) */
  peerIfindex: number | null;
  peerNamespaceId: number | null;
  /** null unless asked for */
  stats: { receive: LinkCounters; transmit: LinkCounters } | null;
}

export type LinkRef = { ifindex: number } | { name: string };

/** The link, or null when there is none. A name may be an alternative one. */
export async function getLink(
  socket: NetlinkSocket,
  ref: LinkRef,
  { stats = false } = {},
): Promise<NetworkLink | null> {
  try {
    return await socket.get(
      {
        operation: `get link ${refText(ref)}`,
        type: rtm.getLink,
        encode: (message) => {
          encodeIfinfomsg(message, 'ifindex' in ref ? ref.ifindex : 0);
          if ('name' in ref) message.attributeString(nameAttribute(ref.name), ref.name);
          message.attributeU32(ifla.extendedMask, skipProtocolStats);
        },
      },
      (message) => parseLink(message, stats),
    );
  } catch (error) {
    if (isNetlinkError(error, 'ENODEV')) return null;
    throw error;
  }
}

/** All links of the socket's namespace, or those of one kind. */
export const listLinks = (
  socket: NetlinkSocket,
  { kind, stats = false }: { kind?: string; stats?: boolean } = {},
): Promise<NetworkLink[]> =>
  socket.dump(
    {
      operation: 'dump links',
      type: rtm.getLink,
      encode: (message) => {
        encodeIfinfomsg(message, 0);
        message.attributeU32(ifla.extendedMask, skipProtocolStats);
        if (kind === undefined) return;
        const info = message.openNest(ifla.linkInfo);
        message.attributeString(iflaInfo.kind, kind);
        message.closeNest(info);
      },
    },
    (message) => parseLink(message, stats),
  );

export interface LinkChange {
  up?: boolean;
  /** bytes */
  mtu?: number;
  /** a new name; while the link is up only on Linux 6.2 or later (see `probe`) */
  name?: string;
  alias?: string;
  group?: number;
  /** flushes the permanent neighbours of its interface; refused (EOPNOTSUPP) on netkit l3 */
  mac?: string;
  /** moves the link into this network namespace */
  netnsFd?: number;
}

/** @throws NetlinkError ENODEV when there is no such link, EEXIST when the name is taken */
export const setLink = (socket: NetlinkSocket, ifindex: number, change: LinkChange): Promise<void> =>
  socket.request(linkChangeRequest(ifindex, change));

/** The request of `setLink`, for a batch. */
export const linkChangeRequest = (ifindex: number, change: LinkChange): NetlinkRequest => ({
  operation: `set link ifindex ${ifindex} ${changeText(change)}`,
  type: rtm.setLink,
  encode: (message) => encodeLinkChange(message, ifindex, change),
});

export function encodeLinkChange(message: MessageWriter, ifindex: number, change: LinkChange): void {
  encodeIfinfomsg(message, ifindex, change.up ? iff.up : 0, change.up === undefined ? 0 : iff.up);
  if (change.mtu !== undefined) message.attributeU32(ifla.mtu, change.mtu);
  if (change.name !== undefined) message.attributeString(ifla.name, change.name);
  if (change.alias !== undefined) message.attributeString(ifla.alias, change.alias);
  if (change.group !== undefined) message.attributeU32(ifla.group, change.group);
  if (change.mac !== undefined) message.attributeBytes(ifla.address, macBytes(change.mac));
  if (change.netnsFd !== undefined) message.attributeU32(ifla.namespaceFd, change.netnsFd);
}

/** Gives a link further names, up to 127 bytes each. @throws NetlinkError EEXIST when one is taken */
export const addAlternativeNames = (
  socket: NetlinkSocket,
  ifindex: number,
  names: readonly string[],
): Promise<void> => socket.request(alternativeNamesRequest('add', ifindex, names));

/** @throws NetlinkError ENOENT when nothing has one of these further names */
export const deleteAlternativeNames = (
  socket: NetlinkSocket,
  ifindex: number,
  names: readonly string[],
): Promise<void> => socket.request(alternativeNamesRequest('delete', ifindex, names));

/** The request of both, for a batch. A refused one may have done some of its names. */
export const alternativeNamesRequest = (
  verb: 'add' | 'delete',
  ifindex: number,
  names: readonly string[],
): NetlinkRequest => ({
  operation: `${verb} altname ${names.join(', ')} of ifindex ${ifindex}`,
  type: verb === 'add' ? rtm.newLinkProperty : rtm.delLinkProperty,
  flags: verb === 'add' ? nlmFlag.create | nlmFlag.exclusive : 0,
  encode: (message) => {
    encodeIfinfomsg(message, ifindex);
    const properties = message.openNest(ifla.propertyList);
    for (const name of names) message.attributeString(ifla.altname, name);
    message.closeNest(properties);
  },
});

/** Deletes a link, and so its other end. @throws NetlinkError ENODEV when there is none */
export const deleteLink = (socket: NetlinkSocket, ifindex: number): Promise<void> =>
  socket.request({
    operation: `delete link ifindex ${ifindex}`,
    type: rtm.delLink,
    encode: (message) => encodeIfinfomsg(message, ifindex),
  });

/** Groups no administrator uses; each deletion takes its own, so that two do not meet. */
let doomedGroup = 0x504c_0000;

/**
 * Deletes many in one go: the kernel waits once for all instead of 16 ms for each. Links that are gone
 * already count as deleted.
 */
export async function deleteLinks(socket: NetlinkSocket, ifindexes: readonly number[]): Promise<void> {
  doomedGroup = doomedGroup === 0x504c_ffff ? 0x504c_0000 : doomedGroup + 1;
  const group = doomedGroup;
  const refusals = await socket.batch(ifindexes.map((ifindex) => linkChangeRequest(ifindex, { group })));
  const failed = refusals.find((refusal) => refusal && !isNetlinkError(refusal, 'ENODEV'));
  if (failed) throw failed;
  if (refusals.every((refusal) => refusal !== null)) return;
  await socket.request({
    operation: `delete ${ifindexes.length} links`,
    type: rtm.delLink,
    encode: (message) => {
      encodeIfinfomsg(message, 0);
      message.attributeU32(ifla.group, group);
    },
  });
}

/** Reads RTM_NEWLINK or RTM_DELLINK. @throws MalformedMessage */
export function parseLink(message: MessageReader, stats = false): NetworkLink {
  const attributes = message.attributes(ifinfoBytes);
  const flags = message.buffer.readUInt32LE(message.start + 8);
  const link: NetworkLink = {
    ifindex: message.buffer.readInt32LE(message.start + 4),
    name: '',
    kind: null,
    netkit: null,
    up: (flags & iff.up) !== 0,
    running: (flags & iff.up) !== 0 && (flags & iff.lowerUp) !== 0,
    operationalState: 'unknown',
    queueingDiscipline: null,
    flags,
    mtu: 0,
    mac: null,
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

function parseAttribute(link: NetworkLink, attribute: AttributeReader): void {
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
          link.netkit = parseNetkitData(info.nested());
      }
    }
  }
}

const parseMac = (attribute: AttributeReader): string | null =>
  attribute.bytes().every((byte) => byte === 0) ? null : formatMac(attribute.bytes());

/** struct rtnl_link_stats64: rx and tx of packets, bytes, errors, dropped, as u64 in turn. */
function parseStats(attribute: AttributeReader): NetworkLink['stats'] {
  const counter = (at: number): LinkCounters => ({
    packets: attribute.u64(at),
    bytes: attribute.u64(at + 16),
    errors: attribute.u64(at + 32),
    dropped: attribute.u64(at + 48),
  });
  return { receive: counter(0), transmit: counter(8) };
}

/** Alternative names may have up to 127 bytes, IFLA_IFNAME takes 15. */
const nameAttribute = (name: string): number => (Buffer.byteLength(name) > 15 ? ifla.altname : ifla.name);

const refText = (ref: LinkRef): string => ('ifindex' in ref ? `ifindex ${ref.ifindex}` : ref.name);

const changeText = (change: LinkChange): string =>
  [
    change.up === undefined ? [] : [change.up ? 'up' : 'down'],
    change.mtu === undefined ? [] : [`mtu ${change.mtu}`],
    change.name === undefined ? [] : [`name ${change.name}`],
    change.alias === undefined ? [] : [`alias ${change.alias}`],
    change.group === undefined ? [] : [`group ${change.group}`],
    change.mac === undefined ? [] : [`address ${change.mac}`],
    change.netnsFd === undefined ? [] : ['into another network namespace'],
  ]
    .flat()
    .join(', ');

import { ifla, iflaInfo } from '../../netlink/link-attributes.ts';
import { nlmsgFlags, rtmTypes } from '../../netlink/message-constants.ts';
import { ifinfomsg } from '../../netlink/netlink-structs.ts';
import {
  buildRawRequest,
  dumpRawObjects,
  encodeRawAttributes,
  getRawAttribute,
  getRawNested,
  type RawAttribute,
  type RawObject,
  rawString,
  rawU32,
} from '../../netlink/raw-object.ts';
import type { NetlinkRequest, NetlinkSocket } from '../../netlink/socket.ts';
import { addressFamilies } from './rtnetlink-constants.ts';

/** Attributes IFLA_BRPORT_* that can be set, by name as `bridge link` prints it, <linux/if_link.h>. */
const settable: Readonly<Record<number, string>> = {
  2: 'priority',
  3: 'cost',
  4: 'hairpin',
  5: 'guard',
  6: 'root_block',
  7: 'fastleave',
  8: 'learning',
  9: 'flood',
  10: 'proxy_arp',
  12: 'proxy_arp_wifi',
  25: 'mcast_router',
  27: 'mcast_flood',
  28: 'mcast_to_unicast',
  29: 'vlan_tunnel',
  30: 'bcast_flood',
  31: 'group_fwd_mask',
  32: 'neigh_suppress',
  33: 'isolated',
  34: 'backup_port',
  37: 'mcast_eht_hosts_limit',
  39: 'locked',
  40: 'mab',
  42: 'mcast_max_groups',
  43: 'neigh_vlan_suppress',
  44: 'backup_nhid',
};
const nested = 0x8000;
/** Attributes IFLA_BRIDGE_VLAN_INFO and _VLAN_TUNNEL_INFO of a port, and the filter RTEXT_FILTER_BRVLAN. */
const vlanAttributes = { vlan: 2, tunnel: 3 } as const;
const vlanFilter = 2;
const vlanBytes = 4;

/** Setting of a bridge port, with its attribute type and name. */
interface PortSetting {
  type: number;
  name: string;
  value: Buffer;
}

/** Attribute IFLA_BRPORT_STATE, and its value BR_STATE_FORWARDING, <linux/if_bridge.h>. */
const stateAttribute = 1;
const forwardingState = 3;

/** Tells whether an interface is a port that its bridge forwards by. */
export const isForwardingBridgePort = (link: RawObject): boolean =>
  getRawAttribute({ attributes: portData(link) }, stateAttribute)?.[0] === forwardingState;

function portData(link: RawObject): RawAttribute[] {
  const info = { attributes: getRawNested(link, ifla.linkInfo) };
  const isPort = getRawAttribute(info, iflaInfo.portKind)?.toString('latin1').startsWith('bridge') === true;
  return isPort ? getRawNested(info, iflaInfo.portData) : [];
}

/** Lists the settings of an interface as a port of a bridge; empty if it is none. */
export const listPortSettings = (link: RawObject): PortSetting[] =>
  portData(link).flatMap(({ type, value }) => {
    const name = settable[type & 0x3fff];
    return name === undefined ? [] : [{ type: type & 0x3fff, name, value }];
  });

/**
 * Builds the requests that give a port of a bridge the settings of another port, one for each setting: in some states
 * of the bridge the kernel refuses some of them, which must not keep it from taking the others.
 */
export const buildPortRequests = (from: RawObject, to: RawObject, ifindex: number): NetlinkRequest[] => {
  const present = new Map(listPortSettings(to).map(({ type, value }) => [type, value]));
  return listPortSettings(from)
    .filter(({ type, value }) => !present.get(type)?.equals(value))
    .map(({ type, value }) => {
      const info = encodeRawAttributes([
        { type: iflaInfo.portKind, value: rawString('bridge') },
        { type: iflaInfo.portData | nested, value: encodeRawAttributes([{ type, value }]) },
      ]);
      const body = Buffer.alloc(ifinfomsg.bytes);
      body.writeInt32LE(ifindex, ifinfomsg.ifi_index);
      return buildRawRequest(`set bridge port ifindex ${ifindex}`, rtmTypes.newLink, 0, {
        body,
        attributes: [{ type: ifla.linkInfo | nested, value: info }],
      });
    });
};

/** Lists the VLANs of an interface as a port of a bridge, as the kernel reported them; empty if it is none. */
export async function listPortVlans(socket: NetlinkSocket, ifindex: number): Promise<RawAttribute[]> {
  const body = Buffer.alloc(ifinfomsg.bytes);
  body[ifinfomsg.ifi_family] = addressFamilies.bridge;
  const ports = await dumpRawObjects(socket, 'dump VLANs of bridge ports', rtmTypes.getLink, body, [
    { type: ifla.extendedMask, value: rawU32(vlanFilter) },
  ]);
  const port = ports.find((each) => each.body.readInt32LE(ifinfomsg.ifi_index) === ifindex);
  return port === undefined
    ? []
    : getRawNested(port, ifla.familySettings).filter(
        ({ type, value }) => (type & 0x3fff) !== vlanAttributes.vlan || value.length >= vlanBytes,
      );
}

/** Builds the requests that give a port of a bridge the VLANs of another one. @param present those that it has */
export function buildVlanRequests(
  wanted: readonly RawAttribute[],
  present: readonly RawAttribute[],
  ifindex: number,
): NetlinkRequest[] {
  const known = new Set(wanted.map(formatPortVlan));
  const there = new Set(present.map(formatPortVlan));
  const request = (type: number, attributes: readonly RawAttribute[]): NetlinkRequest[] => {
    if (attributes.length === 0) return [];
    const body = Buffer.alloc(ifinfomsg.bytes);
    body[ifinfomsg.ifi_family] = addressFamilies.bridge;
    body.writeInt32LE(ifindex, ifinfomsg.ifi_index);
    const value = encodeRawAttributes(attributes);
    return [
      buildRawRequest(`set VLANs of bridge port ifindex ${ifindex}`, type, nlmsgFlags.create, {
        body,
        attributes: [{ type: ifla.familySettings | nested, value }],
      }),
    ];
  };
  return [
    ...request(
      rtmTypes.delLink,
      present.filter((vlan) => !known.has(formatPortVlan(vlan))),
    ),
    ...request(
      rtmTypes.setLink,
      wanted.filter((vlan) => !there.has(formatPortVlan(vlan))),
    ),
  ];
}

/** Returns a VLAN as text: its number and flags (struct bridge_vlan_info), or a mapping to a tunnel. */
export const formatPortVlan = ({ type, value }: RawAttribute): string =>
  (type & 0x3fff) === vlanAttributes.vlan
    ? `vlan ${value.readUInt16LE(2)} flags ${value.readUInt16LE(0)}`
    : `vlan tunnel ${value.toString('hex')}`;

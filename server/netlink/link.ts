import { macAddressToBytes } from './ip-address.ts';
import { encodeIfinfomsg, ifla, iflaInfo, interfaceFlags, skipProtocolStatsFlag } from './link-attributes.ts';
import { type NetworkLink, parseLinkMessage } from './link-message.ts';
import type { NetlinkMessageWriter } from './message.ts';
import { nlmsgFlags, rtmTypes } from './message-constants.ts';
import { isNetlinkError } from './netlink-error.ts';
import type { NetlinkRequest, NetlinkSocket } from './socket.ts';

export type NetworkLinkRef = { ifindex: number } | { name: string };

/** Reads a link by its ifindex, name or alternative name; null if there is no such link. */
export async function getLink(
  socket: NetlinkSocket,
  ref: NetworkLinkRef,
  { stats = false } = {},
): Promise<NetworkLink | null> {
  try {
    return await socket.get(
      {
        operation: `get link ${refText(ref)}`,
        type: rtmTypes.getLink,
        encode: (message) => {
          encodeIfinfomsg(message, 'ifindex' in ref ? ref.ifindex : 0);
          if ('name' in ref) message.attributeString(nameAttribute(ref.name), ref.name);
          message.attributeU32(ifla.extendedMask, skipProtocolStatsFlag);
        },
      },
      (message) => parseLinkMessage(message, stats),
    );
  } catch (error) {
    if (isNetlinkError(error, 'ENODEV')) return null;
    throw error;
  }
}

/** Lists the links of the socket's network namespace, optionally of one device kind. */
export const listLinks = (
  socket: NetlinkSocket,
  { kind, stats = false }: { kind?: string; stats?: boolean } = {},
): Promise<NetworkLink[]> =>
  socket.dump(
    {
      operation: 'dump links',
      type: rtmTypes.getLink,
      encode: (message) => {
        encodeIfinfomsg(message, 0);
        message.attributeU32(ifla.extendedMask, skipProtocolStatsFlag);
        if (kind === undefined) return;
        const info = message.openNest(ifla.linkInfo);
        message.attributeString(iflaInfo.kind, kind);
        message.closeNest(info);
      },
    },
    (message) => parseLinkMessage(message, stats),
  );

export interface NetworkLinkChange {
  up?: boolean;
  /** New MTU of the link in bytes. */
  mtu?: number;
  /** New name of the link. Renaming a link that is up requires Linux 6.2. */
  name?: string;
  alias?: string;
  group?: number;
  /**
   * New MAC address, for which the kernel flushes the link's permanent neighbors; refused on netkit in L3 mode
   * (EOPNOTSUPP).
   */
  mac?: string;
  /** Descriptor of the network namespace to move the link to. */
  netnsFd?: number;
}

/** Changes attributes of a link. @throws NetlinkError ENODEV if there is no such link, EEXIST if the name is taken */
export const setLink = (socket: NetlinkSocket, ifindex: number, change: NetworkLinkChange): Promise<void> =>
  socket.request(buildLinkChangeRequest(ifindex, change));

/** Builds a netlink request that changes attributes of a link. */
export const buildLinkChangeRequest = (ifindex: number, change: NetworkLinkChange): NetlinkRequest => ({
  operation: `set link ifindex ${ifindex} ${changeText(change)}`,
  type: rtmTypes.setLink,
  encode: (message) => encodeLinkChange(message, ifindex, change),
});

export function encodeLinkChange(
  message: NetlinkMessageWriter,
  ifindex: number,
  change: NetworkLinkChange,
): void {
  encodeIfinfomsg(
    message,
    ifindex,
    change.up ? interfaceFlags.up : 0,
    change.up === undefined ? 0 : interfaceFlags.up,
  );
  if (change.mtu !== undefined) message.attributeU32(ifla.mtu, change.mtu);
  if (change.name !== undefined) message.attributeString(ifla.name, change.name);
  if (change.alias !== undefined) message.attributeString(ifla.alias, change.alias);
  if (change.group !== undefined) message.attributeU32(ifla.group, change.group);
  if (change.mac !== undefined) message.attributeBytes(ifla.address, macAddressToBytes(change.mac));
  if (change.netnsFd !== undefined) message.attributeU32(ifla.namespaceFd, change.netnsFd);
}

/** Adds alternative names of up to 127 bytes to a link. @throws NetlinkError EEXIST if a name is taken */
export const addAlternativeNames = (
  socket: NetlinkSocket,
  ifindex: number,
  names: readonly string[],
): Promise<void> => socket.request(buildAlternativeNamesRequest('add', ifindex, names));

/** Builds a netlink request that adds or deletes alternative names. If refused, some names may have been changed. */
export const buildAlternativeNamesRequest = (
  verb: 'add' | 'delete',
  ifindex: number,
  names: readonly string[],
): NetlinkRequest => ({
  operation: `${verb} altname ${names.join(', ')} of ifindex ${ifindex}`,
  type: verb === 'add' ? rtmTypes.newLinkProperty : rtmTypes.delLinkProperty,
  flags: verb === 'add' ? nlmsgFlags.create | nlmsgFlags.exclusive : 0,
  encode: (message) => {
    encodeIfinfomsg(message, ifindex);
    const properties = message.openNest(ifla.propertyList);
    for (const name of names) message.attributeString(ifla.altname, name);
    message.closeNest(properties);
  },
});

/** Deletes a link, and with it the other end of a pair. @throws NetlinkError ENODEV if there is no such link */
export const deleteLink = (socket: NetlinkSocket, ifindex: number): Promise<void> =>
  socket.request({
    operation: `delete link ifindex ${ifindex}`,
    type: rtmTypes.delLink,
    encode: (message) => encodeIfinfomsg(message, ifindex),
  });

/** Last used link group of a bulk deletion. Each deletion uses another one, so that concurrent deletions do not mix. */
let deletionGroup = 0x504c_0000;

/**
 * Deletes many links by one request for their group, so that the kernel waits once for RCU instead of 16 ms for each
 * link. Links that are already gone count as deleted.
 */
export async function deleteLinks(socket: NetlinkSocket, ifindexes: readonly number[]): Promise<void> {
  deletionGroup = deletionGroup === 0x504c_ffff ? 0x504c_0000 : deletionGroup + 1;
  const group = deletionGroup;
  const errors = await socket.batch(ifindexes.map((ifindex) => buildLinkChangeRequest(ifindex, { group })));
  const failed = errors.find((error) => error && !isNetlinkError(error, 'ENODEV'));
  if (failed) throw failed;
  if (errors.every((error) => error !== null)) return;
  await socket.request({
    operation: `delete ${ifindexes.length} links`,
    type: rtmTypes.delLink,
    encode: (message) => {
      encodeIfinfomsg(message, 0);
      message.attributeU32(ifla.group, group);
    },
  });
}

/** Selects the attribute for a link's name: IFLA_IFNAME takes 15 bytes, an alternative name may have 127. */
const nameAttribute = (name: string): number => (Buffer.byteLength(name) > 15 ? ifla.altname : ifla.name);

const refText = (ref: NetworkLinkRef): string => ('ifindex' in ref ? `ifindex ${ref.ifindex}` : ref.name);

const changeText = (change: NetworkLinkChange): string =>
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

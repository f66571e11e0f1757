import { encodeIfinfomsg, ifla, skipProtocolStatsFlag } from './link-attributes.ts';
import { type NetworkLink, parseLinkMessage } from './link-message.ts';
import type { NetlinkAttributeReader, NetlinkMessageReader } from './message.ts';
import { rtmTypes } from './message-constants.ts';
import { NetlinkError } from './netlink-error.ts';
import { rtnl_link_stats64 } from './netlink-structs.ts';
import type { NetlinkRequest, NetlinkSocket } from './socket.ts';

/** struct if_stats_msg: u8 family, padding, u32 ifindex, u32 filter_mask; IFLA_STATS_LINK_64. <linux/if_link.h> */
const if_stats_msg = { bytes: 12, ifindex: 4 } as const;
const statsLink64 = 1;

/** What an interface has received and sent since it exists. Bytes include Ethernet headers. */
export interface InterfaceStatistics {
  receivedPackets: number;
  receivedBytes: number;
  sentPackets: number;
  sentBytes: number;
}

/**
 * Reads the statistics of all interfaces of the socket's namespace, by ifindex: a tenth of the bytes of a dump of links.
 */
export async function readInterfaceStatistics(
  socket: NetlinkSocket,
): Promise<Map<number, InterfaceStatistics>> {
  const found = await socket.dump(
    {
      operation: 'dump interface statistics',
      type: rtmTypes.getStatistics,
      encode: (message) => {
        message
          .u32(0)
          .u32(0)
          .u32(1 << (statsLink64 - 1));
      },
    },
    parseStatistics,
  );
  return new Map(found);
}

/** Parses RTM_NEWSTATS. @throws MalformedNetlinkMessage */
export function parseStatistics(message: NetlinkMessageReader): [number, InterfaceStatistics] | null {
  const attributes = message.attributes(if_stats_msg.bytes);
  const ifindex = message.buffer.readUInt32LE(message.start + if_stats_msg.ifindex);
  while (attributes.next()) if (attributes.type === statsLink64) return [ifindex, parseCounters(attributes)];
  return null;
}

const parseCounters = (attribute: NetlinkAttributeReader): InterfaceStatistics => ({
  receivedPackets: attribute.u64(rtnl_link_stats64.rx_packets),
  receivedBytes: attribute.u64(rtnl_link_stats64.rx_bytes),
  sentPackets: attribute.u64(rtnl_link_stats64.tx_packets),
  sentBytes: attribute.u64(rtnl_link_stats64.tx_bytes),
});

/** An interface of another namespace, which the socket's namespace has an id for. */
export interface RemoteInterface {
  namespaceId: number;
  ifindex: number;
}

/**
 * Reads links of other namespaces by their ids, with statistics, without entering them: an open namespace would stay
 * alive.
 * @returns in the order of the interfaces; null where the interface or its namespace is gone
 */
export async function readRemoteLinks(
  socket: NetlinkSocket,
  interfaces: readonly RemoteInterface[],
): Promise<(NetworkLink | null)[]> {
  const answers = await socket.getEach(interfaces.map(buildRemoteLinkRequest), (message) =>
    parseLinkMessage(message, true),
  );
  return answers.map((answer) => (answer instanceof NetlinkError ? null : answer));
}

/** Tells whether a namespace with this id exists, by asking it for its loopback interface. */
export async function namespaceIdExists(socket: NetlinkSocket, namespaceId: number): Promise<boolean> {
  const [answer] = await socket.getEach(
    [buildRemoteLinkRequest({ namespaceId, ifindex: 1 })],
    (message) => message.type,
  );
  // EINVAL: no such id. Any other refusal comes from the namespace itself.
  return !(answer instanceof NetlinkError && answer.code === 'EINVAL');
}

const buildRemoteLinkRequest = ({ namespaceId, ifindex }: RemoteInterface): NetlinkRequest => ({
  operation: `get link ifindex ${ifindex} of the namespace with id ${namespaceId}`,
  type: rtmTypes.getLink,
  encode: (message) => {
    encodeIfinfomsg(message, ifindex);
    message.attributeI32(ifla.targetNamespaceId, namespaceId);
    message.attributeU32(ifla.extendedMask, skipProtocolStatsFlag);
  },
});

import type { PathMtu } from '../../kernel/path-mtu.ts';
import { formatIpAddressBytes } from '../../netlink/ip-address.ts';
import { rtmTypes } from '../../netlink/message-constants.ts';
import { emptyListIfDeviceGone } from '../../netlink/netlink-error.ts';
import { rtmsg } from '../../netlink/netlink-structs.ts';
import {
  dumpRawObjects,
  getRawAttribute,
  getRawNested,
  getRawU32,
  type RawObject,
} from '../../netlink/raw-object.ts';
import type { NetlinkSocket } from '../../netlink/socket.ts';
import { addressFamilies, rta } from './rtnetlink-constants.ts';

/** Flag RTM_F_CLONED of cached routes, <linux/rtnetlink.h>: what the kernel learned about single destinations. */
const clonedFlag = 0x200;
/** Metric RTAX_MTU. */
const mtuMetric = 2;
/** Maximum number of path MTUs that are learned anew; further ones the network tells again. */
const maxPathMtus = 4096;

/** Lists the path MTUs that the kernel learned for destinations beyond an interface, at most 4,096. */
export async function listPathMtus(socket: NetlinkSocket, ifindex: number): Promise<PathMtu[]> {
  const found: PathMtu[] = [];
  for (const family of ['ipv4', 'ipv6'] as const) {
    const body = Buffer.alloc(rtmsg.bytes);
    body[rtmsg.rtm_family] = addressFamilies[family];
    body.writeUInt32LE(clonedFlag, rtmsg.rtm_flags);
    const cached = await dumpRawObjects(socket, 'dump cached routes', rtmTypes.getRoute, body).catch(
      emptyListIfDeviceGone<RawObject>,
    );
    for (const route of cached) {
      const destination = getRawAttribute(route, rta.destination);
      const mtu = getRawU32({ attributes: getRawNested(route, rta.metrics) }, mtuMetric);
      const isCached = (route.body.readUInt32LE(rtmsg.rtm_flags) & clonedFlag) !== 0;
      if (isCached && destination && mtu !== null && getRawU32(route, rta.device) === ifindex)
        found.push({ family, destination: formatIpAddressBytes(destination), mtu });
    }
  }
  return found.slice(0, maxPathMtus);
}

import { addressFamilies, detectIpFamily, ipAddressToBytes } from './ip-address.ts';
import { rtmTypes } from './message-constants.ts';
import { isNetlinkError } from './netlink-error.ts';
import { type KernelRoute, parseRouteMessage, routeAttributes } from './route-message.ts';
import type { NetlinkSocket } from './socket.ts';

/** Returns the entry of the tables itself, not the route of one packet: <linux/rtnetlink.h>. */
const RTM_F_FIB_MATCH = 0x2000;

/**
 * Finds the entry of the routing tables that packets of the host to an address would use.
 * @returns null if no route leads to it
 */
export async function findRouteTo(socket: NetlinkSocket, address: string): Promise<KernelRoute | null> {
  const family = detectIpFamily(address);
  const bytes = ipAddressToBytes(address);
  try {
    return await socket.get(
      {
        operation: `look up the route to ${address}`,
        type: rtmTypes.getRoute,
        encode: (message) => {
          // struct rtmsg: u8 family, destination bits, source bits, tos, table, protocol, scope, type; u32 flags
          message
            .u8(addressFamilies[family])
            .u8(bytes.length * 8)
            .u16(0)
            .u32(0)
            .u32(RTM_F_FIB_MATCH);
          message.attributeBytes(routeAttributes.destination, bytes);
        },
      },
      parseRouteMessage,
    );
  } catch (error) {
    // A route of type unreachable, blackhole or prohibit answers with an errno of its own.
    if (isNetlinkError(error, 'ENETUNREACH', 'EHOSTUNREACH', 'EACCES', 'EINVAL')) return null;
    throw error;
  }
}

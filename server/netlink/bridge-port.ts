import { encodeIfinfomsg, ifla, iflaInfo, skipProtocolStatsFlag } from './link-attributes.ts';
import type { NetlinkMessageReader } from './message.ts';
import { rtmTypes } from './message-constants.ts';
import { isNetlinkError } from './netlink-error.ts';
import { ifinfomsg } from './netlink-structs.ts';
import type { NetlinkSocket } from './socket.ts';

/** IFLA_BRPORT_MODE, <linux/if_link.h>: the hairpin mode of a port. */
const hairpinMode = 4;

/**
 * Tells whether a bridge sends frames back by the port that they came from. @returns null if the link is gone or no port of a
 * bridge
 */
export async function isHairpinPort(socket: NetlinkSocket, ifindex: number): Promise<boolean | null> {
  try {
    return await socket.get(
      {
        operation: `get link ifindex ${ifindex}`,
        type: rtmTypes.getLink,
        encode: (message) => {
          encodeIfinfomsg(message, ifindex);
          message.attributeU32(ifla.extendedMask, skipProtocolStatsFlag);
        },
      },
      parseHairpinMode,
    );
  } catch (error) {
    if (isNetlinkError(error, 'ENODEV')) return null;
    throw error;
  }
}

function parseHairpinMode(message: NetlinkMessageReader): boolean | null {
  const attributes = message.attributes(ifinfomsg.bytes);
  while (attributes.next()) {
    if (attributes.type !== ifla.linkInfo) continue;
    const info = attributes.nested();
    let isBridgePort = false;
    while (info.next()) {
      if (info.type === iflaInfo.portKind) isBridgePort = info.string() === 'bridge';
      if (info.type !== iflaInfo.portData || !isBridgePort) continue;
      const port = info.nested();
      while (port.next()) if (port.type === hairpinMode) return port.u8() !== 0;
    }
  }
  return null;
}

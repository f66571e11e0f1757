import type { NetlinkMessageWriter } from './message.ts';
import { isNetlinkError } from './netlink-error.ts';
import type { NetlinkSocket } from './socket.ts';

/** Size of struct genlmsghdr: u8 command, u8 version, u16 reserved, <linux/genetlink.h>. */
export const genericHeaderBytes = 4;
/** Message type of the controller, GENL_ID_CTRL, its command CTRL_CMD_GETFAMILY and its attributes CTRL_ATTR_*. */
const controller = { type: 16, getFamily: 3, familyId: 1, familyName: 2 } as const;

/** Writes struct genlmsghdr. */
export const encodeGenericHeader = (
  message: NetlinkMessageWriter,
  command: number,
  version: number,
): void => {
  message.u32(command | (version << 8));
};

/** Returns the message type of a generic netlink family, or null if the kernel has none of that name. */
export async function findGenericFamily(socket: NetlinkSocket, name: string): Promise<number | null> {
  try {
    return await socket.get(
      {
        operation: `get the generic netlink family ${name}`,
        type: controller.type,
        encode: (message) => {
          encodeGenericHeader(message, controller.getFamily, 1);
          message.attributeString(controller.familyName, name);
        },
      },
      (message) => {
        const attributes = message.attributes(genericHeaderBytes);
        while (attributes.next()) if (attributes.type === controller.familyId) return attributes.u16();
        return null;
      },
    );
  } catch (error) {
    if (isNetlinkError(error, 'ENOENT')) return null;
    throw error;
  }
}

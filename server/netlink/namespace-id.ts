import type { NetlinkMessageReader, NetlinkMessageWriter } from './message.ts';
import { rtmTypes } from './message-constants.ts';
import { isNetlinkError } from './netlink-error.ts';
import type { NetlinkSocket } from './socket.ts';

/** Namespace id attributes NETNSA_*, <linux/net_namespace.h>. */
const netnsa = { id: 1, fd: 3 } as const;
const rtgenmsgBytes = 4;
const notAssigned = -1;

/**
 * Returns the number that the socket's namespace has for another one, as in `nsid` of an event and `peerNamespaceId`
 * of a link; null when it has none, and so receives no events from there.
 */
export const getNamespaceId = (socket: NetlinkSocket, netnsFd: number): Promise<number | null> =>
  socket.get(
    {
      operation: 'get the id of a network namespace',
      type: rtmTypes.getNamespaceId,
      encode: (message) => encodeNamespaceFd(message, netnsFd),
    },
    parseNamespaceId,
  );

/** Returns the id of a network namespace, after assigning one if it has none. @throws NetlinkError */
export async function assignNamespaceId(socket: NetlinkSocket, netnsFd: number): Promise<number> {
  const known = await getNamespaceId(socket, netnsFd);
  if (known !== null) return known;
  try {
    await socket.request({
      operation: 'assign an id to a network namespace',
      type: rtmTypes.newNamespaceId,
      encode: (message) => {
        encodeNamespaceFd(message, netnsFd);
        message.attributeI32(netnsa.id, notAssigned);
      },
    });
  } catch (error) {
    if (!isNetlinkError(error, 'EEXIST')) throw error;
  }
  const id = await getNamespaceId(socket, netnsFd);
  if (id === null) throw new Error('the network namespace has no id right after one was assigned');
  return id;
}

/** Writes struct rtgenmsg (u8 family, padding) and the descriptor of a network namespace. */
const encodeNamespaceFd = (message: NetlinkMessageWriter, netnsFd: number): void => {
  message.u32(0).attributeU32(netnsa.fd, netnsFd);
};

/** Parses the namespace id in RTM_NEWNSID; null if there is none. @throws MalformedNetlinkMessage */
export function parseNamespaceId(message: NetlinkMessageReader): number | null {
  const attributes = message.attributes(rtgenmsgBytes);
  let id: number = notAssigned;
  while (attributes.next()) if (attributes.type === netnsa.id) id = attributes.i32();
  return id === notAssigned ? null : id;
}

import type { NetlinkMessageReader } from './message.ts';
import { nlmsgFlags, nlmsgTypes } from './message-constants.ts';
import { NetlinkError } from './netlink-error.ts';
import { nlmsgerr, nlmsghdr } from './netlink-structs.ts';

const NLMSGERR_ATTR_MSG = 1;

/**
 * Reads NLMSG_ERROR (struct nlmsgerr, then the request or its header) or NLMSG_DONE.
 * @param operation begins the error's sentence
 * @returns null when the kernel carried the request out @throws MalformedNetlinkMessage
 */
export function parseAcknowledgement(message: NetlinkMessageReader, operation: string): NetlinkError | null {
  // NLMSG_DONE of a failed dump has the errno but no copy of the request behind it.
  const behindHeader = message.attributes(message.type === nlmsgTypes.error ? nlmsgerr.bytes : nlmsgerr.msg);
  const code = message.buffer.readInt32LE(message.start + nlmsgerr.error);
  if (code === 0) return null;
  if (!(message.flags & nlmsgFlags.acknowledgeTlvs)) return new NetlinkError(operation, -code);
  const capped = message.type === nlmsgTypes.done || (message.flags & nlmsgFlags.capped) !== 0;
  const attributes = capped ? behindHeader : message.attributes(nlmsgerr.msg + requestBytes(message));
  while (attributes.next())
    if (attributes.type === NLMSGERR_ATTR_MSG) return new NetlinkError(operation, -code, attributes.string());
  return new NetlinkError(operation, -code);
}

/** Returns the length of the request echoed in an uncapped ACK, read from the echoed header. */
const requestBytes = ({ buffer, start }: NetlinkMessageReader): number =>
  Math.max(nlmsghdr.bytes, buffer.readUInt32LE(start + nlmsgerr.msg + nlmsghdr.nlmsg_len));

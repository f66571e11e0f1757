import { nlmFlag, nlmsg } from './constants.ts';
import { NetlinkError } from './error.ts';
import { nlmsgerr, nlmsghdr } from './kernel-structs.ts';
import type { MessageReader } from './message.ts';

const NLMSGERR_ATTR_MSG = 1;

/**
 * Reads NLMSG_ERROR (struct nlmsgerr, then the request or its header) or NLMSG_DONE.
 * @param operation begins the error's sentence
 * @returns null when the kernel carried the request out @throws MalformedMessage
 */
export function parseAcknowledgement(message: MessageReader, operation: string): NetlinkError | null {
  // NLMSG_DONE of a failed dump has the errno but no copy of the request behind it.
  const behindHeader = message.attributes(message.type === nlmsg.error ? nlmsgerr.bytes : nlmsgerr.msg);
  const code = message.buffer.readInt32LE(message.start + nlmsgerr.error);
  if (code === 0) return null;
  if (!(message.flags & nlmFlag.acknowledgeTlvs)) return new NetlinkError(operation, -code);
  const capped = message.type === nlmsg.done || (message.flags & nlmFlag.capped) !== 0;
  const attributes = capped ? behindHeader : message.attributes(nlmsgerr.msg + requestBytes(message));
  while (attributes.next())
    if (attributes.type === NLMSGERR_ATTR_MSG) return new NetlinkError(operation, -code, attributes.string());
  return new NetlinkError(operation, -code);
}

/** Returns the length of the request that a full acknowledgement repeats, from the request's header. */
const requestBytes = ({ buffer, start }: MessageReader): number =>
  Math.max(nlmsghdr.bytes, buffer.readUInt32LE(start + nlmsgerr.msg + nlmsghdr.nlmsg_len));

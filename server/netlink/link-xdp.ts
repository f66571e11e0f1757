import { encodeIfinfomsg, ifla, iflaInfo, skipProtocolStatsFlag } from './link-attributes.ts';
import type { NetlinkAttributeReader, NetlinkMessageReader } from './message.ts';
import { rtmTypes } from './message-constants.ts';
import { ifinfomsg } from './netlink-structs.ts';
import type { NetlinkSocket } from './socket.ts';

/** Attributes IFLA_XDP and IFLA_XDP_*, <linux/if_link.h>. */
const iflaXdp = 43;
const xdp = { attached: 2, programId: 4, driverId: 5, genericId: 6, offloadId: 7 } as const;
/** Modes XDP_ATTACHED_* of an XDP program. The kernel reports `multi` if programs in several modes are attached. */
const modes = ['none', 'driver', 'generic', 'offload', 'multi'] as const;

export interface XdpProgram {
  mode: 'driver' | 'generic' | 'offload';
  programId: number;
}

/** A network interface with its XDP programs. */
export interface LinkWithXdp {
  ifindex: number;
  name: string;
  kind: string | null;
  xdp: XdpProgram[];
}

/** Lists the links of the socket's network namespace with their XDP programs. */
export const listLinksWithXdp = (socket: NetlinkSocket): Promise<LinkWithXdp[]> =>
  socket.dump(
    {
      operation: 'dump links with their XDP programs',
      type: rtmTypes.getLink,
      encode: (message) => {
        encodeIfinfomsg(message, 0);
        message.attributeU32(ifla.extendedMask, skipProtocolStatsFlag);
      },
    },
    parseLinkWithXdp,
  );

/** Parses the XDP programs in RTM_NEWLINK. @throws MalformedNetlinkMessage */
export function parseLinkWithXdp(message: NetlinkMessageReader): LinkWithXdp {
  const attributes = message.attributes(ifinfomsg.bytes);
  const link: LinkWithXdp = {
    ifindex: message.buffer.readInt32LE(message.start + ifinfomsg.ifi_index),
    name: '',
    kind: null,
    xdp: [],
  };
  while (attributes.next()) {
    if (attributes.type === ifla.name) link.name = attributes.string();
    else if (attributes.type === ifla.linkInfo) link.kind = kindOf(attributes.nested());
    else if (attributes.type === iflaXdp) link.xdp = parseXdp(attributes.nested());
  }
  return link;
}

function kindOf(info: NetlinkAttributeReader): string | null {
  while (info.next()) if (info.type === iflaInfo.kind) return info.string();
  return null;
}

function parseXdp(attributes: NetlinkAttributeReader): XdpProgram[] {
  const found: XdpProgram[] = [];
  let mode: (typeof modes)[number] = 'none';
  let singleId = 0;
  while (attributes.next()) {
    if (attributes.type === xdp.attached) mode = modes[attributes.u8()] ?? 'none';
    else if (attributes.type === xdp.programId) singleId = attributes.u32();
    else if (attributes.type === xdp.driverId) found.push({ mode: 'driver', programId: attributes.u32() });
    else if (attributes.type === xdp.genericId) found.push({ mode: 'generic', programId: attributes.u32() });
    else if (attributes.type === xdp.offloadId) found.push({ mode: 'offload', programId: attributes.u32() });
  }
  if (found.length > 0 || mode === 'none' || mode === 'multi') return found;
  return [{ mode, programId: singleId }];
}

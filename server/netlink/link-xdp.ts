import { ifinfoBytes, ifla, skipProtocolStats, encodeIfinfomsg } from './ifinfomsg.ts';
import type { AttributeReader, MessageReader } from './message.ts';
import { rtm } from './constants.ts';
import type { NetlinkSocket } from './socket.ts';

/** IFLA_XDP and IFLA_XDP_* of <linux/if_link.h>. */
const iflaXdp = 43;
const xdp = { attached: 2, programId: 4, driverId: 5, genericId: 6, offloadId: 7 } as const;
/** XDP_ATTACHED_*: one program alone is told by its id and this mode. */
const modes = ['none', 'driver', 'generic', 'offload', 'multi'] as const;

export interface XdpProgram {
  mode: 'driver' | 'generic' | 'offload';
  programId: number;
}

/** A network interface with what programs may be attached to. */
export interface LinkWithXdp {
  ifindex: number;
  name: string;
  kind: string | null;
  xdp: XdpProgram[];
}

/** All links of the socket's namespace with their XDP programs. */
export const listLinksWithXdp = (socket: NetlinkSocket): Promise<LinkWithXdp[]> =>
  socket.dump(
    {
      operation: 'dump links with their XDP programs',
      type: rtm.getLink,
      encode: (message) => {
        encodeIfinfomsg(message, 0);
        message.attributeU32(ifla.extendedMask, skipProtocolStats);
      },
    },
    parseLinkWithXdp,
  );

/** Reads RTM_NEWLINK; struct ifinfomsg: ifindex 4. @throws MalformedMessage */
export function parseLinkWithXdp(message: MessageReader): LinkWithXdp {
  const attributes = message.attributes(ifinfoBytes);
  const link: LinkWithXdp = {
    ifindex: message.buffer.readInt32LE(message.start + 4),
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

/** IFLA_INFO_KIND is 1. */
function kindOf(info: AttributeReader): string | null {
  while (info.next()) if (info.type === 1) return info.string();
  return null;
}

function parseXdp(attributes: AttributeReader): XdpProgram[] {
  const found: XdpProgram[] = [];
  let mode: (typeof modes)[number] = 'none';
  let only = 0;
  while (attributes.next()) {
    if (attributes.type === xdp.attached) mode = modes[attributes.u8()] ?? 'none';
    else if (attributes.type === xdp.programId) only = attributes.u32();
    else if (attributes.type === xdp.driverId) found.push({ mode: 'driver', programId: attributes.u32() });
    else if (attributes.type === xdp.genericId) found.push({ mode: 'generic', programId: attributes.u32() });
    else if (attributes.type === xdp.offloadId) found.push({ mode: 'offload', programId: attributes.u32() });
  }
  if (found.length > 0 || mode === 'none' || mode === 'multi') return found;
  return [{ mode, programId: only }];
}

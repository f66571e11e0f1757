import { noneWhenGone } from './error.ts';
import {
  addressBytes,
  type Family,
  family,
  familyName,
  familyOf,
  formatAddress,
  formatMac,
  macBytes,
} from './ip.ts';
import type { MessageReader, MessageWriter } from './message.ts';
import { nlmFlag, rtm } from './rtnetlink.ts';
import type { RtnetlinkSocket } from './socket.ts';

/** NDA_*, NUD_*, NTF_* of <linux/neighbour.h>. */
const nda = { destination: 1, linkLayerAddress: 2, ifindex: 8 } as const;
const ndmsgBytes = 12;
const states = {
  incomplete: 0x01,
  reachable: 0x02,
  stale: 0x04,
  delay: 0x08,
  probe: 0x10,
  failed: 0x20,
  noarp: 0x40,
  permanent: 0x80,
} as const;
const NTF_PROXY = 0x08;
const NTF_EXT_LEARNED = 0x10;
const NTF_ROUTER = 0x80;

export type NeighbourState = keyof typeof states | 'none';

/** Who answers for an address on a link: an ARP or NDP entry. */
export interface Neighbour {
  family: Family;
  ifindex: number;
  address: string;
  mac: string | null;
  state: NeighbourState;
  router: boolean;
  proxy: boolean;
  /** put there by a routing daemon */
  externallyLearned: boolean;
}

export interface NewNeighbour {
  ifindex: number;
  address: string;
  mac: string;
}

/** Makes a permanent entry, or makes the one there is permanent. @throws NetlinkError ENODEV */
export const replaceNeighbour = (socket: RtnetlinkSocket, neighbour: NewNeighbour): Promise<void> =>
  socket.request({
    tried: `set neighbour ${neighbour.address} lladdr ${neighbour.mac} on ifindex ${neighbour.ifindex}`,
    type: rtm.newNeighbour,
    flags: nlmFlag.create | nlmFlag.replace,
    encode: (message) => encodeNeighbour(message, neighbour),
  });

/** @throws NetlinkError ENOENT when there is none */
export const deleteNeighbour = (
  socket: RtnetlinkSocket,
  neighbour: Pick<NewNeighbour, 'ifindex' | 'address'>,
): Promise<void> =>
  socket.request({
    tried: `delete neighbour ${neighbour.address} of ifindex ${neighbour.ifindex}`,
    type: rtm.delNeighbour,
    encode: (message) => {
      writeNdmsg(message, family[familyOf(neighbour.address)], neighbour.ifindex, 0);
      message.attributeBytes(nda.destination, addressBytes(neighbour.address));
    },
  });

/** All entries of the namespace, or of one interface, or of one family; multicast ones (`noarp`) too. */
export function neighbours(
  socket: RtnetlinkSocket,
  filter: { ifindex?: number; family?: Family } = {},
): Promise<Neighbour[]> {
  const found = socket.dump(
    {
      tried: 'dump neighbours',
      type: rtm.getNeighbour,
      encode: (message) => {
        writeNdmsg(message, family[filter.family ?? 'unspecified'], 0, 0);
        if (filter.ifindex !== undefined) message.attributeU32(nda.ifindex, filter.ifindex);
      },
    },
    parseNeighbour,
  );
  return filter.ifindex === undefined ? found : found.catch(noneWhenGone<Neighbour>);
}

export function encodeNeighbour(message: MessageWriter, neighbour: NewNeighbour): void {
  writeNdmsg(message, family[familyOf(neighbour.address)], neighbour.ifindex, states.permanent);
  message.attributeBytes(nda.destination, addressBytes(neighbour.address));
  message.attributeBytes(nda.linkLayerAddress, macBytes(neighbour.mac));
}

/** struct ndmsg: u8 family, 3 bytes pad, i32 ifindex, u16 state, u8 flags, u8 type. */
const writeNdmsg = (message: MessageWriter, number: number, ifindex: number, state: number): void => {
  message.u8(number).u8(0).u16(0).i32(ifindex).u16(state).u8(0).u8(0);
};

/** Reads RTM_NEWNEIGH or RTM_DELNEIGH; null for a family we do not speak. @throws MalformedMessage */
export function parseNeighbour(message: MessageReader): Neighbour | null {
  const attributes = message.attributes(ndmsgBytes);
  const { buffer, start } = message;
  const kind = familyName(buffer[start]!);
  if (kind === null) return null;
  const flags = buffer[start + 10]!;
  const neighbour: Neighbour = {
    family: kind,
    ifindex: buffer.readInt32LE(start + 4),
    address: '',
    mac: null,
    state: stateName(buffer.readUInt16LE(start + 8)),
    router: (flags & NTF_ROUTER) !== 0,
    proxy: (flags & NTF_PROXY) !== 0,
    externallyLearned: (flags & NTF_EXT_LEARNED) !== 0,
  };
  while (attributes.next()) {
    if (attributes.type === nda.destination) neighbour.address = formatAddress(attributes.bytes());
    else if (attributes.type === nda.linkLayerAddress) neighbour.mac = formatMac(attributes.bytes());
  }
  return neighbour;
}

const stateNames = Object.keys(states) as (keyof typeof states)[];
const stateName = (value: number): NeighbourState =>
  stateNames.find((name) => states[name] & value) ?? 'none';

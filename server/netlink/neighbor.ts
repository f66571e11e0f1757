import { emptyWhenDeviceGone } from './error.ts';
import {
  addressBytes,
  type Family,
  addressFamily,
  familyOfNumber,
  familyOfAddress,
  formatAddress,
  formatMac,
  macBytes,
} from './ip-address.ts';
import type { MessageReader, MessageWriter } from './message.ts';
import { nlmFlag, rtm } from './constants.ts';
import type { NetlinkRequest, NetlinkSocket } from './socket.ts';

/** NDA_*, NUD_*, NTF_* of <linux/neighbour.h>. */
const nda = { destination: 1, linkLayerAddress: 2, ifindex: 8, protocol: 12 } as const;
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

export type NeighborState = keyof typeof states | 'none';

/** Who answers for an address on a link: an ARP or NDP entry. */
export interface Neighbor {
  family: Family;
  ifindex: number;
  address: string;
  mac: string | null;
  state: NeighborState;
  router: boolean;
  proxy: boolean;
  /** put there by a routing daemon */
  externallyLearned: boolean;
  /** RTPROT_* of who made it, as of routes; 0: unknown */
  protocol: number;
}

export interface NewNeighbor {
  ifindex: number;
  address: string;
  /** not of a proxy entry */
  mac?: string;
  /** default permanent */
  state?: NeighborState;
  router?: boolean;
  /** this host answers for the address; has no state and no MAC */
  proxy?: boolean;
  externallyLearned?: boolean;
  protocol?: number;
}

/** Makes an entry, permanent by default, or makes the one there is so. @throws NetlinkError ENODEV */
export const replaceNeighbor = (socket: NetlinkSocket, neighbour: NewNeighbor): Promise<void> =>
  socket.request(neighborRequest(neighbour));

/** The request of `replaceNeighbor`, for a batch. */
export const neighborRequest = (neighbour: NewNeighbor): NetlinkRequest => ({
  operation: `set neighbour ${newNeighborText(neighbour)} on ifindex ${neighbour.ifindex}`,
  type: rtm.newNeighbor,
  flags: nlmFlag.create | nlmFlag.replace,
  encode: (message) => encodeNeighbor(message, neighbour),
});

/** @throws NetlinkError ENOENT when there is none */
export const deleteNeighbor = (
  socket: NetlinkSocket,
  neighbour: Pick<NewNeighbor, 'ifindex' | 'address' | 'proxy'>,
): Promise<void> =>
  socket.request({
    operation: `delete neighbour ${newNeighborText(neighbour)} of ifindex ${neighbour.ifindex}`,
    type: rtm.delNeighbor,
    encode: (message) => {
      const flags = neighbour.proxy ? NTF_PROXY : 0;
      writeNdmsg(message, addressFamily[familyOfAddress(neighbour.address)], neighbour.ifindex, 0, flags);
      message.attributeBytes(nda.destination, addressBytes(neighbour.address));
    },
  });

/**
 * All entries of the namespace, or of one interface, or of one family; multicast ones (`noarp`) too. Proxy entries
 * are apart: `proxy` reads them and them alone.
 */
export function listNeighbors(
  socket: NetlinkSocket,
  filter: { ifindex?: number; family?: Family; proxy?: boolean } = {},
): Promise<Neighbor[]> {
  const found = socket.dump(
    {
      operation: filter.proxy ? 'dump proxy neighbours' : 'dump neighbours',
      type: rtm.getNeighbor,
      encode: (message) => {
        writeNdmsg(message, addressFamily[filter.family ?? 'unspecified'], 0, 0, filter.proxy ? NTF_PROXY : 0);
        if (filter.ifindex !== undefined) message.attributeU32(nda.ifindex, filter.ifindex);
      },
    },
    parseNeighbor,
  );
  return filter.ifindex === undefined ? found : found.catch(emptyWhenDeviceGone<Neighbor>);
}

export function encodeNeighbor(message: MessageWriter, neighbour: NewNeighbor): void {
  const { address, mac, state = 'permanent', proxy = false } = neighbour;
  if (proxy && mac !== undefined) throw new RangeError(`proxy neighbour ${address}: it has no MAC`);
  const flags =
    (neighbour.router ? NTF_ROUTER : 0) |
    (proxy ? NTF_PROXY : 0) |
    (neighbour.externallyLearned ? NTF_EXT_LEARNED : 0);
  const number = proxy || state === 'none' ? 0 : states[state];
  writeNdmsg(message, addressFamily[familyOfAddress(address)], neighbour.ifindex, number, flags);
  message.attributeBytes(nda.destination, addressBytes(address));
  if (mac !== undefined) message.attributeBytes(nda.linkLayerAddress, macBytes(mac));
  if (neighbour.protocol !== undefined) message.attributeU8(nda.protocol, neighbour.protocol);
}

/** struct ndmsg: u8 family, 3 bytes pad, i32 ifindex, u16 state, u8 flags, u8 type. */
const writeNdmsg = (
  message: MessageWriter,
  number: number,
  ifindex: number,
  state: number,
  flags: number,
): void => {
  message.u8(number).u8(0).u16(0).i32(ifindex).u16(state).u8(flags).u8(0);
};

const newNeighborText = ({ address, mac, proxy }: Pick<NewNeighbor, 'address' | 'mac' | 'proxy'>): string =>
  `${proxy ? 'proxy ' : ''}${address}${mac === undefined ? '' : ` lladdr ${mac}`}`;

/** Reads RTM_NEWNEIGH or RTM_DELNEIGH; null for a family we do not speak. @throws MalformedMessage */
export function parseNeighbor(message: MessageReader): Neighbor | null {
  const attributes = message.attributes(ndmsgBytes);
  const { buffer, start } = message;
  const kind = familyOfNumber(buffer[start]!);
  if (kind === null) return null;
  const flags = buffer[start + 10]!;
  const neighbour: Neighbor = {
    family: kind,
    ifindex: buffer.readInt32LE(start + 4),
    address: '',
    mac: null,
    state: stateName(buffer.readUInt16LE(start + 8)),
    router: (flags & NTF_ROUTER) !== 0,
    proxy: (flags & NTF_PROXY) !== 0,
    externallyLearned: (flags & NTF_EXT_LEARNED) !== 0,
    protocol: 0,
  };
  while (attributes.next()) {
    if (attributes.type === nda.destination) neighbour.address = formatAddress(attributes.bytes());
    else if (attributes.type === nda.linkLayerAddress) neighbour.mac = formatMac(attributes.bytes());
    else if (attributes.type === nda.protocol) neighbour.protocol = attributes.u8();
  }
  return neighbour;
}

const stateNames = Object.keys(states) as (keyof typeof states)[];
const stateName = (value: number): NeighborState =>
  stateNames.find((name) => states[name] & value) ?? 'none';

import {
  addressFamilies,
  decodeIpFamily,
  detectIpFamily,
  formatIpAddressBytes,
  formatMacAddress,
  type IpFamily,
  ipAddressToBytes,
  macAddressToBytes,
} from './ip-address.ts';
import type { NetlinkMessageReader, NetlinkMessageWriter } from './message.ts';
import { nlmsgFlags, rtmTypes } from './message-constants.ts';
import { emptyListIfDeviceGone } from './netlink-error.ts';
import { ndmsg } from './netlink-structs.ts';
import type { NetlinkRequest, NetlinkSocket } from './socket.ts';

/** Neighbor attributes NDA_*, states NUD_* and flags NTF_*, <linux/neighbour.h>. */
const nda = { destination: 1, linkLayerAddress: 2, ifindex: 8, protocol: 12 } as const;

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

/** An entry of the ARP or NDP table, which maps an IP address on a link to a MAC address. */
export interface KernelNeighbor {
  family: IpFamily;
  ifindex: number;
  address: string;
  mac: string | null;
  state: NeighborState;
  router: boolean;
  proxy: boolean;
  /** True for a neighbor entry that a routing daemon added (NTF_EXT_LEARNED). */
  externallyLearned: boolean;
  /** Origin of the neighbor entry (RTPROT_*, as for routes); 0 if unknown. */
  protocol: number;
}

export interface NewNeighbor {
  ifindex: number;
  address: string;
  /** MAC address of the neighbor; not allowed for a proxy entry. */
  mac?: string;
  /** State of the neighbor entry; default permanent. */
  state?: NeighborState;
  router?: boolean;
  /** True for a proxy entry, which makes this host reply for the address; it has no state and no MAC address. */
  proxy?: boolean;
  externallyLearned?: boolean;
  protocol?: number;
}

/** Adds or updates a neighbor entry. @throws NetlinkError ENODEV if there is no such link */
export const replaceNeighbor = (socket: NetlinkSocket, neighbor: NewNeighbor): Promise<void> =>
  socket.request(buildNeighborRequest(neighbor));

/** Builds a netlink request that adds or updates a neighbor entry. */
export const buildNeighborRequest = (neighbor: NewNeighbor): NetlinkRequest => ({
  operation: `set neighbor ${newNeighborText(neighbor)} on ifindex ${neighbor.ifindex}`,
  type: rtmTypes.newNeighbor,
  flags: nlmsgFlags.create | nlmsgFlags.replace,
  encode: (message) => encodeNeighborMessage(message, neighbor),
});

/** Deletes a neighbor entry. @throws NetlinkError ENOENT if there is no such entry */
export const deleteNeighbor = (
  socket: NetlinkSocket,
  neighbor: Pick<NewNeighbor, 'ifindex' | 'address' | 'proxy'>,
): Promise<void> =>
  socket.request({
    operation: `delete neighbor ${newNeighborText(neighbor)} of ifindex ${neighbor.ifindex}`,
    type: rtmTypes.delNeighbor,
    encode: (message) => {
      const flags = neighbor.proxy ? NTF_PROXY : 0;
      writeNdmsg(message, addressFamilies[detectIpFamily(neighbor.address)], neighbor.ifindex, 0, flags);
      message.attributeBytes(nda.destination, ipAddressToBytes(neighbor.address));
    },
  });

/**
 * Lists the entries of the namespace, of one interface or of one family, multicast ones (`noarp`) included. The kernel
 * keeps proxy entries separately: with `proxy`, only these are listed.
 */
export function listNeighbors(
  socket: NetlinkSocket,
  filter: { ifindex?: number; family?: IpFamily; proxy?: boolean } = {},
): Promise<KernelNeighbor[]> {
  const found = socket.dump(
    {
      operation: filter.proxy ? 'dump proxy neighbors' : 'dump neighbors',
      type: rtmTypes.getNeighbor,
      encode: (message) => {
        writeNdmsg(
          message,
          addressFamilies[filter.family ?? 'unspecified'],
          0,
          0,
          filter.proxy ? NTF_PROXY : 0,
        );
        if (filter.ifindex !== undefined) message.attributeU32(nda.ifindex, filter.ifindex);
      },
    },
    parseNeighborMessage,
  );
  return filter.ifindex === undefined ? found : found.catch(emptyListIfDeviceGone<KernelNeighbor>);
}

export function encodeNeighborMessage(message: NetlinkMessageWriter, neighbor: NewNeighbor): void {
  const { address, mac, state = 'permanent', proxy = false } = neighbor;
  if (proxy && mac !== undefined) throw new RangeError(`proxy neighbor ${address}: it has no MAC`);
  const flags =
    (neighbor.router ? NTF_ROUTER : 0) |
    (proxy ? NTF_PROXY : 0) |
    (neighbor.externallyLearned ? NTF_EXT_LEARNED : 0);
  const number = proxy || state === 'none' ? 0 : states[state];
  writeNdmsg(message, addressFamilies[detectIpFamily(address)], neighbor.ifindex, number, flags);
  message.attributeBytes(nda.destination, ipAddressToBytes(address));
  if (mac !== undefined) message.attributeBytes(nda.linkLayerAddress, macAddressToBytes(mac));
  if (neighbor.protocol !== undefined) message.attributeU8(nda.protocol, neighbor.protocol);
}

/** Writes struct ndmsg: u8 family, 3 bytes of padding, i32 ifindex, u16 state, u8 flags, u8 type. */
const writeNdmsg = (
  message: NetlinkMessageWriter,
  number: number,
  ifindex: number,
  state: number,
  flags: number,
): void => {
  message.u8(number).u8(0).u16(0).i32(ifindex).u16(state).u8(flags).u8(0);
};

const newNeighborText = ({ address, mac, proxy }: Pick<NewNeighbor, 'address' | 'mac' | 'proxy'>): string =>
  `${proxy ? 'proxy ' : ''}${address}${mac === undefined ? '' : ` lladdr ${mac}`}`;

/** Parses RTM_NEWNEIGH or RTM_DELNEIGH; null for families other than IPv4 and IPv6. @throws MalformedNetlinkMessage */
export function parseNeighborMessage(message: NetlinkMessageReader): KernelNeighbor | null {
  const attributes = message.attributes(ndmsg.bytes);
  const { buffer, start } = message;
  const kind = decodeIpFamily(buffer.readUInt8(start + ndmsg.ndm_family));
  if (kind === null) return null;
  const flags = buffer.readUInt8(start + ndmsg.ndm_flags);
  const neighbor: KernelNeighbor = {
    family: kind,
    ifindex: buffer.readInt32LE(start + ndmsg.ndm_ifindex),
    address: '',
    mac: null,
    state: stateName(buffer.readUInt16LE(start + ndmsg.ndm_state)),
    router: (flags & NTF_ROUTER) !== 0,
    proxy: (flags & NTF_PROXY) !== 0,
    externallyLearned: (flags & NTF_EXT_LEARNED) !== 0,
    protocol: 0,
  };
  while (attributes.next()) {
    if (attributes.type === nda.destination) neighbor.address = formatIpAddressBytes(attributes.bytes());
    else if (attributes.type === nda.linkLayerAddress) neighbor.mac = formatMacAddress(attributes.bytes());
    else if (attributes.type === nda.protocol) neighbor.protocol = attributes.u8();
  }
  return neighbor;
}

const stateNames = Object.keys(states) as (keyof typeof states)[];
const stateName = (value: number): NeighborState => stateNames.find((name) => states[name] & value) ?? 'none';

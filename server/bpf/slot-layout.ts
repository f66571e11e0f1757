import { address4Bytes, address6Bytes, addressText, macBytes, macText } from './ip-address.ts';

/** What `bpf/slot-layout.h` says, for this side. */

/** ifindex of slot 0's primary. */
export const ifindexBase = 1_048_576;
export const primaryIfindex = (slot: number): number => ifindexBase + 2 * slot;
export const peerIfindex = (slot: number): number => primaryIfindex(slot) + 1;
/** The slot a device end's index stands for, or null for a device that is not ours. */
export const slotOf = (ifindex: number): number | null =>
  ifindex < ifindexBase ? null : (ifindex - ifindexBase) >>> 1;

/** struct podlane_counters, 8 u64, and struct podlane_drops, 16. */
export const counterBytes = 64;
export const dropBytes = 128;

/** struct podlane_config, all of .rodata. */
export const configBytes = 36;
export const configBuildOffset = 4;

/** struct podlane_slot: flags 0, owner 4, addr4 8, addr6 12, macs 32. */
export const slotBytes = 48;
const flag = { checkSource: 1, hasAddress4: 2, hasAddress6: 4, atPrimary: 8, redirect: 16 } as const;

/** What a slot's programs go by. */
export interface SlotEntry {
  /** The pod's number, the same on both devices of a migration: its addresses among the endpoints are sources too. */
  owner: number;
  /** The first address of each family, of which most packets are. */
  address4?: string | undefined;
  address6?: string | undefined;
  /** Which programs count and redirect: those on the device's own hooks (netkit), or those on the primary's. */
  hooks: 'device' | 'primary';
  /**
   * Redirects packets to other pods of the node, past the host's netfilter and past foreign programs that run after
   * ours on the hook. Not for nodes that translate addresses between pods (kube-proxy): answers
   * would not be translated back.
   */
  redirect: boolean;
  /** Destination and source of frames towards the pod: the peer's MAC and the primary's. Null on netkit L3. */
  macs: { toPod: string; fromPod: string } | null;
  /** Whether only the pod's own sources may leave it; by default so. */
  check?: boolean;
}

/** struct podlane_slot; null: all zero, nothing is checked. @throws RangeError */
export function encodeSlot(entry: SlotEntry | null): Buffer {
  const value = Buffer.alloc(slotBytes);
  if (entry === null) return value;
  const { owner, address4, address6, hooks, redirect, macs, check = true } = entry;
  value.writeUInt32LE(
    (check ? flag.checkSource : 0) |
      (address4 === undefined ? 0 : flag.hasAddress4) |
      (address6 === undefined ? 0 : flag.hasAddress6) |
      (hooks === 'primary' ? flag.atPrimary : 0) |
      (redirect ? flag.redirect : 0),
    0,
  );
  value.writeUInt32LE(owner, 4);
  if (address4 !== undefined) value.set(address4Bytes(address4), 8);
  if (address6 !== undefined) value.set(address6Bytes(address6), 12);
  if (macs) value.set([...macBytes(macs.toPod), ...macBytes(macs.fromPod)], 32);
  return value;
}

/** A slot as the map has it, every field told. */
export interface DecodedSlot extends Required<Omit<SlotEntry, 'address4' | 'address6'>> {
  address4: string | undefined;
  address6: string | undefined;
}

/** `encodeSlot` the other way. */
export function decodeSlot(value: Buffer): DecodedSlot | null {
  if (value.every((byte) => byte === 0)) return null;
  const flags = value.readUInt32LE(0);
  const macs = { toPod: value.subarray(32, 38), fromPod: value.subarray(38, 44) };
  return {
    owner: value.readUInt32LE(4),
    address4: flags & flag.hasAddress4 ? addressText(value.subarray(8, 12)) : undefined,
    address6: flags & flag.hasAddress6 ? addressText(value.subarray(12, 28)) : undefined,
    hooks: flags & flag.atPrimary ? 'primary' : 'device',
    redirect: (flags & flag.redirect) !== 0,
    macs: value.subarray(32).some((byte) => byte !== 0)
      ? { toPod: macText(macs.toPod), fromPod: macText(macs.fromPod) }
      : null,
    check: (flags & flag.checkSource) !== 0,
  };
}

/** struct podlane_address4 and struct podlane_address6. */
export const endpointKeyBytes = { 4: 8, 6: 16 } as const;
/** struct podlane_endpoint: slot 0, owner 4. */
export const endpointBytes = 8;
/** How many addresses of each family there is room for, by slots. */
export const endpointsPerSlot = 8;

/** Where packets to an address go, and whose it is. */
export interface Endpoint {
  slot: number;
  owner: number;
}

const mappedPrefix = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]);

/** An address as a key of its family's endpoints; an IPv4-mapped IPv6 address is the IPv4 address. @throws RangeError */
export function encodeEndpointKey(address: string): Buffer {
  if (!address.includes(':')) return Buffer.from([...address4Bytes(address), 0, 0, 0, 0]);
  const key = Buffer.from(address6Bytes(address));
  return key.subarray(0, 12).equals(mappedPrefix) ? encodeEndpointKey(addressText(key.subarray(12))) : key;
}

/** `encodeEndpointKey` the other way. */
export const decodeEndpointKey = (key: Buffer): string =>
  addressText(key.length === endpointKeyBytes[4] ? key.subarray(0, 4) : key);

export function encodeEndpoint({ slot, owner }: Endpoint): Buffer {
  const value = Buffer.alloc(endpointBytes);
  value.writeUInt32LE(slot, 0);
  value.writeUInt32LE(owner, 4);
  return value;
}

export const decodeEndpoint = (value: Buffer): Endpoint => ({
  slot: value.readUInt32LE(0),
  owner: value.readUInt32LE(4),
});

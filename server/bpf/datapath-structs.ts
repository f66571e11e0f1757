import {
  decodeIpAddress,
  decodeMacAddress,
  encodeIpv4Address,
  encodeIpv6Address,
  encodeMacAddress,
} from './address-encoding.ts';

// Keep this in step with bpf/slot-layout.h.

/** Interface index of the primary in slot 0. */
export const firstPrimaryIfindex = 1_048_576;
export const slotToPrimaryIfindex = (slot: number): number => firstPrimaryIfindex + 2 * slot;
export const slotToPeerIfindex = (slot: number): number => slotToPrimaryIfindex(slot) + 1;
/** Tells whether a primary's ifindex is that of a device which others made. */
export const isForeignIfindex = (ifindex: number): boolean => ifindex < firstPrimaryIfindex;
/** Returns the slot of a primary or peer by its ifindex; null for a device that is not Podlane's. */
export const computeSlotFromIfindex = (ifindex: number): number | null =>
  ifindex < firstPrimaryIfindex ? null : (ifindex - firstPrimaryIfindex) >>> 1;

/** Sizes of struct podlane_counters (8 u64) and struct podlane_drops (16 u64) in bytes. */
export const slotCountersSize = 64;
export const dropCountersSize = 128;

/** Size of struct podlane_config, the only content of .rodata. */
export const datapathConfigSize = 40;
export const datapathConfigBuildOffset = 4;
export const datapathConfigFeaturesOffset = 36;

/** Size of struct podlane_slot: flags 0, owner 4, addr4 8, addr6 12, ifindex 28, macs 32. */
export const slotEntrySize = 48;
const flag = {
  checkSource: 1,
  hasAddress4: 2,
  hasAddress6: 4,
  atPrimary: 8,
  redirect: 16,
  sourcePrefixes: 32,
  ethertypes: 64,
  atFilters: 128,
  hostRouted: 256,
  anyEthertype: 512,
} as const;

/** Configuration of a slot, which the programs of its device read. */
export interface SlotEntry {
  /** Number of the pod that the slot's device belongs to; during a migration, the slots of both devices have it. */
  owner: number;
  /** First IPv4 address of the pod, checked before the endpoint map, since most packets have it. */
  address4?: string | undefined;
  address6?: string | undefined;
  /**
   * Hooks whose programs count and redirect packets: those of the device itself (netkit), the primary's tcx hooks, or its
   * clsact filters.
   */
  hooks: 'device' | 'primary' | 'filters';
  /**
   * Redirects packets to other pods of the node, past the host's netfilter and past foreign programs that run after
   * ours on the hook, except those of flows that the host translates (NAT).
   */
  redirect: boolean;
  /** Destination and source MAC of frames to the pod (the peer's and the primary's); null for netkit in L3 mode. */
  macs: { toPod: string; fromPod: string } | null;
  /** True to drop packets from the pod whose source address is neither the pod's nor IPv6 link-local; default true. */
  check?: boolean;
  /** True if the pod may send from further prefixes, which `setPacketChecks` writes; default false. */
  sourcePrefixes?: boolean;
  /** True if the pod may send and receive frames other than IP, which `setPacketChecks` writes; default false. */
  ethertypes?: boolean;
  /** True if the pod may send and receive frames of every ethertype; default false. */
  anyEthertype?: boolean;
  /** True if what other pods send to this one goes through the host stack, whatever they are set to; default false. */
  hostRouted?: boolean;
  /** Index of the primary of a device that others made; null for Podlane's, whose index follows from the slot. */
  foreignIfindex?: number | null;
}

/**
 * Encodes struct podlane_slot; null gives zeros, which disable all checks.
 * @throws RangeError for an invalid address
 */
export function encodeSlotEntry(entry: SlotEntry | null): Buffer {
  const value = Buffer.alloc(slotEntrySize);
  if (entry === null) return value;
  const { owner, address4, address6, hooks, redirect, macs, check = true } = entry;
  const { sourcePrefixes = false, ethertypes = false, anyEthertype = false } = entry;
  const { hostRouted = false, foreignIfindex = null } = entry;
  value.writeUInt32LE(
    (check ? flag.checkSource : 0) |
      (address4 === undefined ? 0 : flag.hasAddress4) |
      (address6 === undefined ? 0 : flag.hasAddress6) |
      (hooks === 'device' ? 0 : flag.atPrimary) |
      (hooks === 'filters' ? flag.atFilters : 0) |
      (redirect ? flag.redirect : 0) |
      (sourcePrefixes ? flag.sourcePrefixes : 0) |
      (ethertypes ? flag.ethertypes : 0) |
      (anyEthertype ? flag.anyEthertype : 0) |
      (hostRouted ? flag.hostRouted : 0),
    0,
  );
  value.writeUInt32LE(owner, 4);
  if (address4 !== undefined) value.set(encodeIpv4Address(address4), 8);
  if (address6 !== undefined) value.set(encodeIpv6Address(address6), 12);
  value.writeUInt32LE(foreignIfindex ?? 0, 28);
  if (macs) value.set([...encodeMacAddress(macs.toPod), ...encodeMacAddress(macs.fromPod)], 32);
  return value;
}

/** Returns the number of the pod in struct podlane_slot; 0 for a cleared one. Its place is the same in all versions. */
export const slotEntryOwner = (value: Buffer): number => value.readUInt32LE(4);

/** Configuration of a slot as read from the map, with every field present. */
export interface DecodedSlotEntry extends Required<Omit<SlotEntry, 'address4' | 'address6'>> {
  address4: string | undefined;
  address6: string | undefined;
}

/** Decodes struct podlane_slot; null if it is all zeros. */
export function decodeSlotEntry(value: Buffer): DecodedSlotEntry | null {
  if (value.every((byte) => byte === 0)) return null;
  const flags = value.readUInt32LE(0);
  const macs = { toPod: value.subarray(32, 38), fromPod: value.subarray(38, 44) };
  return {
    owner: value.readUInt32LE(4),
    address4: flags & flag.hasAddress4 ? decodeIpAddress(value.subarray(8, 12)) : undefined,
    address6: flags & flag.hasAddress6 ? decodeIpAddress(value.subarray(12, 28)) : undefined,
    hooks: flags & flag.atPrimary ? (flags & flag.atFilters ? 'filters' : 'primary') : 'device',
    redirect: (flags & flag.redirect) !== 0,
    macs: value.subarray(32).some((byte) => byte !== 0)
      ? { toPod: decodeMacAddress(macs.toPod), fromPod: decodeMacAddress(macs.fromPod) }
      : null,
    check: (flags & flag.checkSource) !== 0,
    sourcePrefixes: (flags & flag.sourcePrefixes) !== 0,
    ethertypes: (flags & flag.ethertypes) !== 0,
    anyEthertype: (flags & flag.anyEthertype) !== 0,
    hostRouted: (flags & flag.hostRouted) !== 0,
    foreignIfindex: value.readUInt32LE(28) || null,
  };
}

/** Sizes of the keys and values of `foreign_devices`: an ifindex, and the slot of its device. */
export const foreignDeviceKeySize = 4;
export const foreignDeviceEntrySize = 4;

/** Sizes of struct podlane_flow_key and of the path that it leads to. */
export const flowKeySize = 40;
export const flowPathSize = 4;

/** Sizes of struct podlane_address4 and struct podlane_address6, the keys of the endpoint maps, by IP version. */
export const endpointKeySizes = { 4: 8, 6: 16 } as const;
/** Size of struct podlane_endpoint: slot 0, owner 4. */
export const endpointEntrySize = 8;
/** Maximum number of addresses per slot and address family in the endpoint maps. */
export const maxEndpointsPerSlot = 8;

/**
 * Endpoint of an IP address: the slot that packets are redirected to, and the number of the pod that owns the
 * address.
 */
export interface EndpointEntry {
  slot: number;
  owner: number;
}

const mappedPrefix = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]);

/**
 * Encodes an address as a key of its family's endpoint map. An IPv4-mapped IPv6 address becomes the IPv4 address.
 * @throws RangeError
 */
export function encodeEndpointKey(address: string): Buffer {
  if (!address.includes(':')) return Buffer.from([...encodeIpv4Address(address), 0, 0, 0, 0]);
  const key = Buffer.from(encodeIpv6Address(address));
  return key.subarray(0, 12).equals(mappedPrefix)
    ? encodeEndpointKey(decodeIpAddress(key.subarray(12)))
    : key;
}

/** Decodes the IP address that is the key of an endpoint map. */
export const decodeEndpointKey = (key: Buffer): string =>
  decodeIpAddress(key.length === endpointKeySizes[4] ? key.subarray(0, 4) : key);

export function encodeEndpointEntry({ slot, owner }: EndpointEntry): Buffer {
  const value = Buffer.alloc(endpointEntrySize);
  value.writeUInt32LE(slot, 0);
  value.writeUInt32LE(owner, 4);
  return value;
}

export const decodeEndpointEntry = (value: Buffer): EndpointEntry => ({
  slot: value.readUInt32LE(0),
  owner: value.readUInt32LE(4),
});

import { cidrContainsCidr, formatCidr, parseCidr } from '../../contract/cidr.ts';
import { anyEthertype, formatEthertype, parseEthertype } from '../../contract/ethertypes.ts';
import type { PacketChecks } from '../../contract/packet-checks.ts';
import { requireValue } from '../../contract/require-value.ts';
import { BpfHashMap } from './hash-map.ts';

/** Size of struct podlane_source_prefix: prefix_length 0, owner 4, address 8. */
export const sourcePrefixKeySize = 24;
/** Size of struct podlane_ethertype: owner 0, type 4. */
export const ethertypeKeySize = 8;

const ownerBits = 32;
const mappedPrefix = 0xffffn << 32n;
const mappedBits = 96;

/** Encodes a CIDR as a key of `source_prefixes`, IPv4 as ::ffff:a.b.c.d. @throws RangeError if it is none */
export function encodeSourcePrefix(owner: number, cidr: string): Buffer {
  const { family, address, length } = parseCidr(cidr);
  return family === 4
    ? sourcePrefixKey(owner, mappedPrefix | address, mappedBits + length)
    : sourcePrefixKey(owner, address, length);
}

/** Decodes a key of `source_prefixes` to the pod's number and the CIDR. */
export function decodeSourcePrefix(key: Buffer): { owner: number; cidr: string } {
  const length = key.readUInt32LE(0) - ownerBits;
  const address = BigInt(`0x${key.toString('hex', 8)}`);
  const isIpv4 = length >= mappedBits && address >> 32n === mappedPrefix >> 32n;
  const cidr = isIpv4
    ? formatCidr({ family: 4, address: address & 0xffff_ffffn, length: length - mappedBits })
    : formatCidr({ family: 6, address, length });
  return { owner: key.readUInt32LE(4), cidr };
}

function sourcePrefixKey(owner: number, address: bigint, length: number): Buffer {
  const key = Buffer.alloc(sourcePrefixKeySize);
  key.writeUInt32LE(ownerBits + length, 0);
  key.writeUInt32LE(owner, 4);
  key.set(Buffer.from(address.toString(16).padStart(32, '0'), 'hex'), 8);
  return key;
}

/**
 * Returns the entries of a pod's source prefixes: 1 for each, and 0 for IPv4 as a whole where an IPv6 prefix covers
 * ::ffff:0:0/96, so that it is one of IPv6 alone.
 */
export function sourcePrefixEntries(owner: number, prefixes: readonly string[]): [Buffer, number][] {
  const entries = prefixes.map((cidr): [Buffer, number] => [encodeSourcePrefix(owner, cidr), 1]);
  const ipv4 = { family: 6, address: mappedPrefix, length: mappedBits } as const;
  const coversIpv4 = prefixes.some((cidr) => cidrContainsCidr(parseCidr(cidr), ipv4));
  const all4 = sourcePrefixKey(owner, mappedPrefix, mappedBits);
  return coversIpv4 && !entries.some(([key]) => key.equals(all4)) ? [...entries, [all4, 0]] : entries;
}

/** Encodes an ethertype as a key of `ethertypes`. @throws Error if the text is none */
export function encodeEthertype(owner: number, ethertype: string): Buffer {
  const key = Buffer.alloc(ethertypeKeySize);
  key.writeUInt32LE(owner, 0);
  key.writeUInt32LE(requireValue(parseEthertype(ethertype), `ethertype ${ethertype}`), 4);
  return key;
}

/** Decodes a key of `ethertypes` to the pod's number and the ethertype. */
export const decodeEthertype = (key: Buffer): { owner: number; ethertype: string } => ({
  owner: key.readUInt32LE(0),
  ethertype: formatEthertype(key.readUInt32LE(4)),
});

/** Offsets of the owner in the keys. */
const ownerOffsets = { prefixes: 4, ethertypes: 0 } as const;

/** The maps `source_prefixes` and `ethertypes`, by pod. What they already hold is read once. */
export class PacketCheckMaps {
  readonly #maps: Record<keyof typeof ownerOffsets, BpfHashMap>;
  /** Keys as hexadecimal text, by map and owner. */
  readonly #keys: Record<keyof typeof ownerOffsets, Map<number, Set<string>>>;

  constructor(fds: { source_prefixes: number; ethertypes: number }) {
    this.#maps = {
      prefixes: new BpfHashMap(fds.source_prefixes, 'source_prefixes'),
      ethertypes: new BpfHashMap(fds.ethertypes, 'ethertypes'),
    };
    this.#keys = { prefixes: this.#read('prefixes'), ethertypes: this.#read('ethertypes') };
  }

  /** Sets the entries of a pod; null removes them. A packet meanwhile finds an entry of before or of after. */
  set(owner: number, checks: Pick<PacketChecks, 'sourcePrefixes' | 'ethertypes'> | null): void {
    this.#replace('prefixes', owner, checks ? sourcePrefixEntries(owner, checks.sourcePrefixes) : []);
    const types = (checks?.ethertypes ?? [])
      .filter((type) => type !== anyEthertype)
      .map((type): [Buffer, number] => [encodeEthertype(owner, type), 1]);
    this.#replace('ethertypes', owner, types);
  }

  #replace(name: keyof typeof ownerOffsets, owner: number, entries: readonly [Buffer, number][]): void {
    const before = this.#keys[name].get(owner) ?? new Set<string>();
    const after = new Set(entries.map(([key]) => key.toString('hex')));
    if (before.size === 0 && after.size === 0) return;
    // An exclusion goes in before what it is excluded from.
    for (const [key, value] of [...entries].sort(([, a], [, b]) => a - b)) {
      const bytes = Buffer.alloc(4);
      bytes.writeUInt32LE(value);
      this.#maps[name].set(key, bytes);
    }
    this.#keys[name].set(owner, after);
    for (const key of before) if (!after.has(key)) this.#maps[name].delete(Buffer.from(key, 'hex'));
    if (after.size === 0) this.#keys[name].delete(owner);
  }

  #read(name: keyof typeof ownerOffsets): Map<number, Set<string>> {
    const found = new Map<number, Set<string>>();
    for (const [key] of this.#maps[name].entries()) {
      const owner = key.readUInt32LE(ownerOffsets[name]);
      found.set(owner, (found.get(owner) ?? new Set()).add(key.toString('hex')));
    }
    return found;
  }
}

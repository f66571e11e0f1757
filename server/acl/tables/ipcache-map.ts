import { addressBitLength, type Cidr } from '../../../contract/cidr.ts';
import { BpfHashMap } from '../../bpf/hash-map.ts';
import type { BpfMapEntryBatch, BpfMapKeys } from '../../bpf/map-batch.ts';
import { ipcacheEntrySize, ipcacheKeySize } from '../../bpf/rule-layout.ts';
import { BpfMapWordBuffer } from './map-word-buffer.ts';
import type { PolicyTableIndex, TargetPolicyTable } from './policy-table-index.ts';
import type { PolicyTables } from './policy-tables.ts';

/** A prefix of the LPM trie `ipcache`, with its identities in policy tables A and B. */
interface IpcachePrefix {
  length: number;
  /** Prefix address of 128 bits; the bits after the prefix length are zero. */
  address: bigint;
  identities: [number, number];
}

const prefixKey = (length: number, address: bigint): string => `${length}/${address.toString(16)}`;

/** Converts an IPv4 or IPv6 CIDR to a 128-bit prefix, IPv4 as ::ffff:a.b.c.d. */
function mappedPrefix({ family, address, length }: Cidr): { length: number; address: bigint } {
  return family === 6
    ? { length, address }
    : { length: length + 128 - addressBitLength(4), address: (0xffffn << 32n) | address };
}

/** Returns the identity of the longest prefix that encloses the given one; 0 if there is none. */
function coveringIdentity(
  length: number,
  address: bigint,
  identityOf: (key: string) => number | undefined,
): number {
  for (let shorter = length - 1; shorter >= 0; shorter -= 1) {
    const hostBits = BigInt(128 - shorter);
    const found = identityOf(prefixKey(shorter, (address >> hostBits) << hostBits));
    if (found !== undefined) return found;
  }
  return 0;
}

/** The BPF map `ipcache` of a rule set, with a copy of its content in memory. */
export class IpcacheMap {
  readonly #map: BpfHashMap;
  #prefixes = new Map<string, IpcachePrefix>();
  #removed = new Set<string>();

  constructor(fd: number) {
    this.#map = new BpfHashMap(fd, 'ipcache');
  }

  get size(): number {
    return this.#prefixes.size;
  }

  /** Reads the content of the BPF map `ipcache` from the kernel. */
  read(): void {
    this.#removed = new Set();
    this.#prefixes = new Map(
      this.#map.entries().map(([key, value]) => {
        const length = key.readUInt32LE(0);
        const address = BigInt(`0x${key.toString('hex', 4)}`);
        return [
          prefixKey(length, address),
          { length, address, identities: [value.readUInt32LE(0), value.readUInt32LE(4)] },
        ];
      }),
    );
  }

  /** Computes the `ipcache` updates that make the `target` tables match, and the keys to remove after the switch. */
  prepare(
    { ipcache }: PolicyTables,
    target: TargetPolicyTable,
  ): { write: BpfMapEntryBatch; remove: BpfMapKeys } {
    const write = new BpfMapWordBuffer(ipcacheKeySize, ipcacheEntrySize);
    const remove = new BpfMapWordBuffer(ipcacheKeySize);
    const wanted = new Map<string, { length: number; address: bigint; identity: number }>();
    for (const { prefix, identity } of ipcache.values()) {
      const { length, address } = mappedPrefix(prefix);
      wanted.set(prefixKey(length, address), { length, address, identity });
    }
    const put = (prefix: IpcachePrefix): void => {
      const place = write.next();
      writePrefix(place, prefix);
      place.values.set(prefix.identities, place.value);
    };
    // A new prefix gets, in the other table, the identity that its addresses have there without it.
    const added: [string, IpcachePrefix][] = [];
    for (const [key, { length, address, identity }] of wanted) {
      const known = this.#prefixes.get(key);
      if (known === undefined) {
        const identities: [number, number] = [identity, identity];
        if (target !== 'both') {
          const other: PolicyTableIndex = target === 0 ? 1 : 0;
          identities[other] = coveringIdentity(
            length,
            address,
            (key) => this.#prefixes.get(key)?.identities[other],
          );
        }
        added.push([key, { length, address, identities }]);
      } else if (setIdentity(known.identities, target, identity)) put(known);
    }
    for (const [key, prefix] of this.#prefixes) {
      if (wanted.has(key)) continue;
      const identity = coveringIdentity(prefix.length, prefix.address, (key) => wanted.get(key)?.identity);
      if (setIdentity(prefix.identities, target, identity)) put(prefix);
      writePrefix(remove.next(), prefix);
      this.#removed.add(key);
    }
    for (const [key, prefix] of added) {
      put(prefix);
      this.#prefixes.set(key, prefix);
    }
    return { write: write.entries, remove: remove.entries };
  }

  /** Clears the in-memory copy of `ipcache`. @returns all its keys, to be removed from the BPF map */
  clear(): BpfMapKeys {
    const keys = new BpfMapWordBuffer(ipcacheKeySize);
    for (const prefix of this.#prefixes.values()) writePrefix(keys.next(), prefix);
    this.#prefixes.clear();
    return keys.entries;
  }

  /** Removes from the in-memory copy of `ipcache` the keys that were removed from the BPF map. */
  confirmRemovals(): void {
    for (const key of this.#removed) this.#prefixes.delete(key);
    this.#removed = new Set();
  }
}

/** Sets a prefix's identity in the target tables. @returns true if the identity changed */
function setIdentity(identities: [number, number], target: TargetPolicyTable, identity: number): boolean {
  const tables: PolicyTableIndex[] = target === 'both' ? [0, 1] : [target];
  const changed = tables.some((table) => identities[table] !== identity);
  for (const table of tables) identities[table] = identity;
  return changed;
}

/** Writes struct podlane_ipcache_key with the address in network byte order. */
function writePrefix(
  { keys, key }: { keys: Uint32Array; key: number },
  { length, address }: Pick<IpcachePrefix, 'length' | 'address'>,
): void {
  keys[key] = length;
  const bytes = Buffer.from(address.toString(16).padStart(32, '0'), 'hex');
  for (let word = 0; word < 4; word += 1) keys[key + 1 + word] = bytes.readUInt32LE(4 * word);
}

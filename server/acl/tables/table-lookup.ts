import type { Cidr } from '../../../contract/cidr.ts';

import { ipProtocol, type Packet } from '../spec/policy-packet.ts';
import type { PodPolicy, RowEntry, Tables } from './policy-tables.ts';

export interface Found {
  policy: PodPolicy;
  /** The longest prefix of the peer; null: there is none, and the identity is 0. */
  prefix: Cidr | null;
  identity: number;
  /** The row for that identity; 0: there is none. */
  row: number;
  /** What the row says; null: nothing. */
  own: RowEntry | null;
  /** What the base row says where the row says nothing or passes on; null: it was not asked. */
  base: RowEntry | null;
  /** What decides; null: nothing is judged for this pod, the packet passes. */
  entry: RowEntry | null;
}

/** IPv4 as the part ::ffff:0:0/96 of IPv6, as the trie's keys have it. */
const mapped = (family: 4 | 6, value: bigint): bigint => (family === 4 ? (0xffffn << 32n) | value : value);
const mappedLength = ({ family, length }: Cidr): number => (family === 4 ? 96 + length : length);

/** The protocol as the keys of entries have it; what the other family's ICMP has there is no protocol of a row. */
export function keyProtocol({ protocol, peer }: Pick<Packet, 'protocol' | 'peer'>): number {
  if (peer.family === 4) return protocol;
  return protocol === ipProtocol.icmpv6 ? 1 : protocol === ipProtocol.icmp ? 0 : protocol;
}

/** The kernel's lookups, one for one, over tables that are indexed once. */
export class Lookup {
  readonly #tables: Tables;
  /** Entries of the trie by their first bits, the longest first. */
  readonly #trie: [length: number, Map<bigint, { prefix: Cidr; identity: number }>][];
  /** Rows as tries: by protocol, length and port. */
  readonly #rows = new Map<number, Map<number, RowEntry>>();

  constructor(tables: Tables) {
    this.#tables = tables;
    const byLength = new Map<number, Map<bigint, { prefix: Cidr; identity: number }>>();
    for (const entry of tables.prefixes.values()) {
      const length = mappedLength(entry.prefix);
      const keys = byLength.get(length) ?? new Map();
      byLength.set(length, keys);
      keys.set(mapped(entry.prefix.family, entry.prefix.address) >> BigInt(128 - length), entry);
    }
    this.#trie = [...byLength].sort(([a], [b]) => b - a);
  }

  /** @throws RangeError when the tables do not know the pod */
  find(packet: Packet): Found {
    const policy = this.#tables.pods.get(packet.pod)?.[packet.direction];
    if (!policy) throw new RangeError(`no pod ${packet.pod}`);
    const found: Found = { policy, prefix: null, identity: 0, row: 0, own: null, base: null, entry: null };
    if (policy.base === 0) return found;
    const key = mapped(packet.peer.family, packet.peer.value);
    for (const [length, keys] of this.#trie) {
      const entry = keys.get(key >> BigInt(128 - length));
      if (!entry) continue;
      found.prefix = entry.prefix;
      found.identity = entry.identity;
      break;
    }
    found.row = this.#tables.assignments.get(policy.policy)?.get(found.identity) ?? 0;
    found.own = found.row === 0 ? null : this.#longest(found.row, packet);
    found.base = found.own && found.own.verdict !== 'pass' ? null : this.#longest(policy.base, packet);
    found.entry = found.base ?? found.own;
    return found;
  }

  #longest(row: number, packet: Packet): RowEntry | null {
    const entries = this.#row(row);
    const protocol = keyProtocol(packet);
    for (let length = 16; length >= 0; length -= 1) {
      const entry = entries.get(entryKey(protocol, packet.port & (0xffff0000 >> length), length));
      if (entry) return entry;
    }
    return entries.get(entryKey(0, 0, 0)) ?? null;
  }

  #row(row: number): Map<number, RowEntry> {
    const known = this.#rows.get(row);
    if (known) return known;
    const entries = new Map(
      this.#tables.rows.get(row)!.map((entry) => [entryKey(entry.protocol, entry.port, entry.length), entry]),
    );
    this.#rows.set(row, entries);
    return entries;
  }
}

const entryKey = (protocol: number, port: number, length: number): number =>
  (protocol * 32 + length) * 65_536 + port;

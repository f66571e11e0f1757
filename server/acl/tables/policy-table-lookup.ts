import type { Cidr } from '../../../contract/cidr.ts';
import { ipProtocolNumbers, type PolicyPacket } from '../spec/policy-packet.ts';
import type { PodPolicy, PolicyTableEntry, PolicyTables } from './policy-tables.ts';

export interface PolicyLookupResult {
  policy: PodPolicy;
  /** Longest ipcache prefix of the peer's address; null if there is none, which means identity 0. */
  prefix: Cidr | null;
  identity: number;
  /** Number of the entry list for the policy and identity; 0 if there is none. */
  entryList: number;
  /** Matching entry of the policy's own entry list; null if there is none. */
  ownEntry: PolicyTableEntry | null;
  /** Matching entry of the pod's default entries; null if the lookup did not need them. */
  defaultEntry: PolicyTableEntry | null;
  /** Entry that decides the packet; null if no rule applies to the pod and its packets are allowed. */
  decidingEntry: PolicyTableEntry | null;
}

/** Converts an address to a 128-bit ipcache key, IPv4 as ::ffff:a.b.c.d. */
const mapped = (family: 4 | 6, value: bigint): bigint => (family === 4 ? (0xffffn << 32n) | value : value);
const mappedLength = ({ family, length }: Cidr): number => (family === 4 ? 96 + length : length);

/**
 * Returns the protocol number that entries use for a packet; 0 for ICMP over IPv6 and vice versa, which only entries
 * for any protocol match.
 */
export function toEntryProtocol({ protocol, peer }: Pick<PolicyPacket, 'protocol' | 'peer'>): number {
  if (peer.family === 4) return protocol;
  return protocol === ipProtocolNumbers.icmpv6 ? 1 : protocol === ipProtocolNumbers.icmp ? 0 : protocol;
}

/** Looks packets up in policy tables with the same steps as `lookup_policy` in bpf/policy.h. */
export class PolicyTableLookup {
  readonly #tables: PolicyTables;
  /** Ipcache entries by prefix length (longest first) and by the prefix bits. */
  readonly #ipcache: [length: number, Map<bigint, { prefix: Cidr; identity: number }>][];
  /** Policy table entries by entry list and by the key of protocol, port and prefix length. */
  readonly #lists = new Map<number, Map<number, PolicyTableEntry>>();

  constructor(tables: PolicyTables) {
    this.#tables = tables;
    const byLength = new Map<number, Map<bigint, { prefix: Cidr; identity: number }>>();
    for (const entry of tables.ipcache.values()) {
      const length = mappedLength(entry.prefix);
      const keys = byLength.get(length) ?? new Map();
      byLength.set(length, keys);
      keys.set(mapped(entry.prefix.family, entry.prefix.address) >> BigInt(128 - length), entry);
    }
    this.#ipcache = [...byLength].sort(([a], [b]) => b - a);
  }

  /** Looks up a packet in the policy tables. @throws RangeError if the pod is not in the tables */
  find(packet: PolicyPacket): PolicyLookupResult {
    const policy = this.#tables.pods.get(packet.pod)?.[packet.direction];
    if (!policy) throw new RangeError(`pod ${packet.pod} is not in the tables`);
    const found: PolicyLookupResult = {
      policy,
      prefix: null,
      identity: 0,
      entryList: 0,
      ownEntry: null,
      defaultEntry: null,
      decidingEntry: null,
    };
    if (policy.defaultEntries === 0) return found;
    const key = mapped(packet.peer.family, packet.peer.value);
    for (const [length, keys] of this.#ipcache) {
      const entry = keys.get(key >> BigInt(128 - length));
      if (!entry) continue;
      found.prefix = entry.prefix;
      found.identity = entry.identity;
      break;
    }
    found.entryList = this.#tables.policyMap.get(policy.policy)?.get(found.identity) ?? 0;
    found.ownEntry = found.entryList === 0 ? null : this.#longestPrefix(found.entryList, packet);
    if (!found.ownEntry || found.ownEntry.verdict === 'default')
      found.defaultEntry = this.#longestPrefix(policy.defaultEntries, packet);
    found.decidingEntry = found.defaultEntry ?? found.ownEntry;
    return found;
  }

  #longestPrefix(list: number, packet: PolicyPacket): PolicyTableEntry | null {
    const entries = this.#entries(list);
    const protocol = toEntryProtocol(packet);
    for (let length = 16; length >= 0; length -= 1) {
      const entry = entries.get(entryKey(protocol, packet.port & (0xffff0000 >> length), length));
      if (entry) return entry;
    }
    return entries.get(entryKey(0, 0, 0)) ?? null;
  }

  #entries(list: number): Map<number, PolicyTableEntry> {
    const known = this.#lists.get(list);
    if (known) return known;
    const entries = new Map(
      (this.#tables.entryLists.get(list) ?? []).map((entry) => [
        entryKey(entry.protocol, entry.port, entry.length),
        entry,
      ]),
    );
    this.#lists.set(list, entries);
    return entries;
  }
}

const entryKey = (protocol: number, port: number, length: number): number =>
  (protocol * 32 + length) * 65_536 + port;

import { addressBits, type Cidr } from '../../../contract/cidr.ts';
import type { Entries, Keys } from '../../bpf/map-batch.ts';
import { HashMap } from '../../bpf/hash-map.ts';
import {
  assignedBytes,
  assignmentBytes,
  identityBytes,
  policyBytes,
  prefixBytes,
  unknownPod,
} from '../../bpf/rule-layout.ts';
import type { Tables } from './policy-tables.ts';

/** A half of the values: what generations of one parity judge by. */
export type Half = 0 | 1;

/** Which half is to be written; `null` both: nobody judges by either. */
export type Written = Half | null;

/** What leads to rows, to be written before the switch, and removed when nobody looks at it any more. */
export interface Changes {
  prefixes: Entries;
  policies: Entries;
  assignments: Entries;
  remove: { prefixes: Keys; policies: Keys; assignments: Keys };
}

/** Collects u32 words of keys and values. */
class Words {
  count = 0;
  readonly #keyWords: number;
  readonly #valueWords: number;
  #keys = new Uint32Array(1024);
  #values = new Uint32Array(1024);

  constructor(keyBytes: number, valueBytes = 0) {
    this.#keyWords = keyBytes / 4;
    this.#valueWords = valueBytes / 4;
  }

  /** Places for the next key's and value's words. */
  next(): { keys: Uint32Array; key: number; values: Uint32Array; value: number } {
    const [key, value] = [this.count * this.#keyWords, this.count * this.#valueWords];
    this.count += 1;
    if (key + this.#keyWords > this.#keys.length) this.#keys = doubled(this.#keys);
    if (value + this.#valueWords > this.#values.length) this.#values = doubled(this.#values);
    return { keys: this.#keys, key, values: this.#values, value };
  }

  get entries(): Entries {
    return {
      count: this.count,
      keys: Buffer.from(this.#keys.buffer, 0, this.count * this.#keyWords * 4),
      values: Buffer.from(this.#values.buffer, 0, this.count * this.#valueWords * 4),
    };
  }
}

function doubled(words: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const more = new Uint32Array(words.length * 2);
  more.set(words);
  return more;
}

/** A prefix of the trie, and the identity by half. */
interface TriePrefix {
  length: number;
  /** Of 128 bits, those after `length` zero. */
  address: bigint;
  identities: [number, number];
}

const trieKey = (length: number, address: bigint): string => `${length}/${address.toString(16)}`;

function triePrefix({ family, address, length }: Cidr): { length: number; address: bigint } {
  return family === 6
    ? { length, address }
    : { length: length + 128 - addressBits(4), address: (0xffffn << 32n) | address };
}

/** The identity of the longest prefix that is shorter; 0: there is none. */
function covering(length: number, address: bigint, identityOf: (key: string) => number | undefined): number {
  for (let shorter = length - 1; shorter >= 0; shorter -= 1) {
    const host = BigInt(128 - shorter);
    const found = identityOf(trieKey(shorter, (address >> host) << host));
    if (found !== undefined) return found;
  }
  return 0;
}

/** Two rows in one number: an index has 20 bits at most. */
const pack = (first: number, second: number): number => first * 2 ** 24 + second;
const firstOf = (packed: number): number => Math.floor(packed / 2 ** 24);
const secondOf = (packed: number): number => packed % 2 ** 24;
const halfOf = (packed: number, half: Half): number => (half === 0 ? firstOf(packed) : secondOf(packed));

/** Ingress policy and row, egress policy and row, of either half. */
type PolicyWords = readonly number[];
const unknownWords: PolicyWords = [0, unknownPod, 0, unknownPod];

/** The three maps of a set that lead to rows, and what is in them. */
export class Halves {
  readonly #maps: { prefixes: HashMap; policies: HashMap; assignments: HashMap };
  #prefixes = new Map<string, TriePrefix>();
  /** By owner. */
  #policies = new Map<number, PolicyWords>();
  /** By policy and identity, `pack`ed. */
  #assignments = new Map<number, Map<number, number>>();

  /** What `change` has told to remove, until `forget`. */
  #removed = {
    prefixes: new Set<string>(),
    policies: new Set<number>(),
    assignments: [] as [policy: number, identity: number][],
  };

  /** Descriptors of the set's maps. */
  constructor(maps: { prefixes: number; policies: number; assignments: number }) {
    this.#maps = {
      prefixes: new HashMap(maps.prefixes, 'prefixes'),
      policies: new HashMap(maps.policies, 'policies'),
      assignments: new HashMap(maps.assignments, 'assignments'),
    };
    this.read();
  }

  /** Takes what the kernel has for what there is. */
  read(): void {
    this.#removed = { prefixes: new Set(), policies: new Set(), assignments: [] };
    this.#prefixes = new Map(
      this.#maps.prefixes.entries().map(([key, value]) => {
        const length = key.readUInt32LE(0);
        const address = BigInt(`0x${key.toString('hex', 4)}`);
        return [
          trieKey(length, address),
          { length, address, identities: [value.readUInt32LE(0), value.readUInt32LE(4)] },
        ];
      }),
    );
    this.#policies = new Map(
      this.#maps.policies
        .entries()
        .map(([key, value]) => [
          key.readUInt32LE(0),
          Array.from({ length: 8 }, (_, i) => value.readUInt32LE(4 * i)),
        ]),
    );
    this.#assignments = new Map();
    for (const [key, value] of this.#maps.assignments.entries())
      this.#ofPolicy(key.readUInt32LE(0)).set(
        key.readUInt32LE(4),
        pack(value.readUInt32LE(0), value.readUInt32LE(4)),
      );
  }

  get sizes(): { prefixes: number; policies: number; assignments: number } {
    let assignments = 0;
    for (const rows of this.#assignments.values()) assignments += rows.size;
    return { prefixes: this.#prefixes.size, policies: this.#policies.size, assignments };
  }

  /** Indexes of all rows that a half leads to. */
  rowsOf(half: Half): Set<number> {
    const found = new Set<number>();
    for (const words of this.#policies.values())
      for (const at of [1, 3]) if (words[half * 4 + at] !== unknownPod) found.add(words[half * 4 + at]!);
    for (const rows of this.#assignments.values())
      for (const packed of rows.values()) found.add(halfOf(packed, half));
    found.delete(0);
    return found;
  }

  #ofPolicy(policy: number): Map<number, number> {
    const known = this.#assignments.get(policy);
    if (known) return known;
    const rows = new Map<number, number>();
    this.#assignments.set(policy, rows);
    return rows;
  }

  /**
   * What to write so that `written` says what the tables say, and the other half what it says now; from now on that
   * is what there is.
   * @param indexOf of a row @param numberOf the owner's number, by pod
   */
  change(
    tables: Tables,
    written: Written,
    indexOf: (row: number) => number,
    numberOf: (podId: string) => number | undefined,
  ): Changes {
    const [prefixes, removedPrefixes] = this.#changePrefixes(tables, written);
    const [policies, removedPolicies] = this.#changePolicies(tables, written, indexOf, numberOf);
    const [assignments, removedAssignments] = this.#changeAssignments(tables, written, indexOf);
    return {
      prefixes,
      policies,
      assignments,
      remove: { prefixes: removedPrefixes, policies: removedPolicies, assignments: removedAssignments },
    };
  }

  /** All keys there are, which are no more. */
  clear(): Changes['remove'] {
    const prefixes = new Words(prefixBytes);
    for (const prefix of this.#prefixes.values()) writePrefix(prefixes.next(), prefix);
    const policies = new Words(4);
    for (const owner of this.#policies.keys()) {
      const { keys, key } = policies.next();
      keys[key] = owner;
    }
    const assignments = new Words(assignmentBytes);
    for (const [policy, rows] of this.#assignments)
      for (const identity of rows.keys()) {
        const { keys, key } = assignments.next();
        keys[key] = policy;
        keys[key + 1] = identity;
      }
    this.#prefixes.clear();
    this.#policies.clear();
    this.#assignments.clear();
    return { prefixes: prefixes.entries, policies: policies.entries, assignments: assignments.entries };
  }

  #changePrefixes(tables: Tables, written: Written): [Entries, Keys] {
    const write = new Words(prefixBytes, identityBytes);
    const remove = new Words(prefixBytes);
    const wanted = new Map<string, { length: number; address: bigint; identity: number }>();
    for (const { prefix, identity } of tables.prefixes.values()) {
      const { length, address } = triePrefix(prefix);
      wanted.set(trieKey(length, address), { length, address, identity });
    }
    const put = (prefix: TriePrefix): void => {
      const place = write.next();
      writePrefix(place, prefix);
      place.values.set(prefix.identities, place.value);
    };
    const now = (key: string, half: Half) => this.#prefixes.get(key)?.identities[half];
    // Those that are new say in the other half what was said of their addresses there.
    const added: [string, TriePrefix][] = [];
    for (const [key, { length, address, identity }] of wanted) {
      const known = this.#prefixes.get(key);
      if (known === undefined) {
        const identities: [number, number] = [identity, identity];
        if (written !== null) {
          const other = (1 - written) as Half;
          identities[other] = covering(length, address, (key) => now(key, other));
        }
        added.push([key, { length, address, identities }]);
      } else if (changeHalf(known.identities, written, identity)) put(known);
    }
    for (const [key, prefix] of this.#prefixes) {
      if (wanted.has(key)) continue;
      const identity = covering(prefix.length, prefix.address, (key) => wanted.get(key)?.identity);
      if (changeHalf(prefix.identities, written, identity)) put(prefix);
      writePrefix(remove.next(), prefix);
      this.#removed.prefixes.add(key);
    }
    for (const [key, prefix] of added) {
      put(prefix);
      this.#prefixes.set(key, prefix);
    }
    return [write.entries, remove.entries];
  }

  #changePolicies(
    tables: Tables,
    written: Written,
    indexOf: (row: number) => number,
    numberOf: (podId: string) => number | undefined,
  ): [Entries, Keys] {
    const write = new Words(4, policyBytes);
    const remove = new Words(4);
    const put = (owner: number, now: PolicyWords): void => {
      const old = this.#policies.get(owner) ?? [...unknownWords, ...unknownWords];
      const words = [...(written === 1 ? old.slice(0, 4) : now), ...(written === 0 ? old.slice(4) : now)];
      if (this.#policies.has(owner) && words.every((word, i) => word === old[i])) return;
      const { keys, key, values, value } = write.next();
      keys[key] = owner;
      values.set(words, value);
      values.fill(0, value + 8, value + 10);
      this.#policies.set(owner, words);
    };
    const wanted = new Set<number>();
    const indexOrNone = (row: number): number => (row === 0 ? 0 : indexOf(row));
    for (const [podId, { ingress, egress }] of tables.pods) {
      const owner = numberOf(podId);
      if (owner === undefined) continue;
      wanted.add(owner);
      put(owner, [ingress.policy, indexOrNone(ingress.base), egress.policy, indexOrNone(egress.base)]);
    }
    for (const owner of this.#policies.keys()) {
      if (wanted.has(owner)) continue;
      put(owner, unknownWords);
      const { keys, key } = remove.next();
      keys[key] = owner;
      this.#removed.policies.add(owner);
    }
    return [write.entries, remove.entries];
  }

  #changeAssignments(tables: Tables, written: Written, indexOf: (row: number) => number): [Entries, Keys] {
    const write = new Words(assignmentBytes, assignedBytes);
    const remove = new Words(assignmentBytes);
    const put = (rows: Map<number, number>, policy: number, identity: number, row: number): void => {
      const old = rows.get(identity);
      const packed =
        written === null
          ? pack(row, row)
          : written === 0
            ? pack(row, secondOf(old ?? 0))
            : pack(firstOf(old ?? 0), row);
      if (packed === old) return;
      rows.set(identity, packed);
      const { keys, key, values, value } = write.next();
      keys[key] = policy;
      keys[key + 1] = identity;
      values[value] = firstOf(packed);
      values[value + 1] = secondOf(packed);
      values[value + 2] = 0;
    };
    for (const [policy, wanted] of tables.assignments) {
      const rows = this.#ofPolicy(policy);
      for (const [identity, row] of wanted) put(rows, policy, identity, indexOf(row));
    }
    for (const [policy, rows] of this.#assignments) {
      const wanted = tables.assignments.get(policy);
      if (rows.size === wanted?.size) continue;
      for (const identity of rows.keys()) {
        if (wanted?.has(identity)) continue;
        put(rows, policy, identity, 0);
        const { keys, key } = remove.next();
        keys[key] = policy;
        keys[key + 1] = identity;
        this.#removed.assignments.push([policy, identity]);
      }
    }
    return [write.entries, remove.entries];
  }

  /** What was to be removed is gone. */
  forget(): void {
    for (const key of this.#removed.prefixes) this.#prefixes.delete(key);
    for (const owner of this.#removed.policies) this.#policies.delete(owner);
    for (const [policy, identity] of this.#removed.assignments) {
      const rows = this.#assignments.get(policy);
      rows?.delete(identity);
      if (rows?.size === 0) this.#assignments.delete(policy);
    }
    this.#removed = { prefixes: new Set(), policies: new Set(), assignments: [] };
  }
}

/** @returns whether anything changed */
function changeHalf(identities: [number, number], written: Written, identity: number): boolean {
  const halves: Half[] = written === null ? [0, 1] : [written];
  const changed = halves.some((half) => identities[half] !== identity);
  for (const half of halves) identities[half] = identity;
  return changed;
}

/** The address's bytes in network order. */
function writePrefix(
  { keys, key }: { keys: Uint32Array; key: number },
  { length, address }: Pick<TriePrefix, 'length' | 'address'>,
): void {
  keys[key] = length;
  const bytes = Buffer.from(address.toString(16).padStart(32, '0'), 'hex');
  for (let word = 0; word < 4; word += 1) keys[key + 1 + word] = bytes.readUInt32LE(4 * word);
}

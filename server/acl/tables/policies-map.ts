import { BpfHashMap } from '../../bpf/hash-map.ts';
import type { BpfMapEntryBatch, BpfMapKeys } from '../../bpf/map-batch.ts';
import { policyEntrySize, policyKeySize } from '../../bpf/rule-layout.ts';
import { BpfMapWordBuffer } from './map-word-buffer.ts';
import type { PolicyTableIndex, TargetPolicyTable } from './policy-table-index.ts';
import type { PolicyTables } from './policy-tables.ts';

/**
 * Packs two entry list indexes, those in policy tables A and B (see `PolicyTableIndex`), into one number. Each index is
 * less than 2^24.
 */
const pack = (a: number, b: number): number => a * 2 ** 24 + b;
const tableA = (packed: number): number => Math.floor(packed / 2 ** 24);
const tableB = (packed: number): number => packed % 2 ** 24;

/** The BPF map `policies` of a rule set, with a copy of its content in memory. */
export class PoliciesMap {
  readonly #map: BpfHashMap;
  /** Packed entry list indexes of tables A and B, by policy and identity. */
  #policies = new Map<number, Map<number, number>>();
  #removed: [policy: number, identity: number][] = [];

  constructor(fd: number) {
    this.#map = new BpfHashMap(fd, 'policies');
  }

  get size(): number {
    let size = 0;
    for (const lists of this.#policies.values()) size += lists.size;
    return size;
  }

  /** Reads the content of the BPF map `policies` from the kernel. */
  read(): void {
    this.#removed = [];
    this.#policies = new Map();
    for (const [key, value] of this.#map.entries())
      this.#listsOf(key.readUInt32LE(0)).set(
        key.readUInt32LE(4),
        pack(value.readUInt32LE(0), value.readUInt32LE(4)),
      );
  }

  /** Yields the entry list indexes in table A or B; an index of 0 means no list. */
  *entryListsOf(table: PolicyTableIndex): Generator<number> {
    for (const lists of this.#policies.values())
      for (const packed of lists.values()) yield table === 0 ? tableA(packed) : tableB(packed);
  }

  #listsOf(policy: number): Map<number, number> {
    const known = this.#policies.get(policy);
    if (known) return known;
    const lists = new Map<number, number>();
    this.#policies.set(policy, lists);
    return lists;
  }

  /**
   * Computes the updates that make the `target` tables match, and the keys to remove after the switch.
   * @param indexOf index of an entry list in `rule_entries`
   */
  prepare(
    { policyMap }: PolicyTables,
    target: TargetPolicyTable,
    indexOf: (entryList: number) => number,
  ): { write: BpfMapEntryBatch; remove: BpfMapKeys } {
    const write = new BpfMapWordBuffer(policyKeySize, policyEntrySize);
    const remove = new BpfMapWordBuffer(policyKeySize);
    const put = (lists: Map<number, number>, policy: number, identity: number, index: number): void => {
      const old = lists.get(identity);
      const packed =
        target === 'both'
          ? pack(index, index)
          : target === 0
            ? pack(index, tableB(old ?? 0))
            : pack(tableA(old ?? 0), index);
      if (packed === old) return;
      lists.set(identity, packed);
      const { keys, key, values, value } = write.next();
      keys[key] = policy;
      keys[key + 1] = identity;
      values[value] = tableA(packed);
      values[value + 1] = tableB(packed);
      values[value + 2] = 0;
    };
    for (const [policy, wanted] of policyMap) {
      const lists = this.#listsOf(policy);
      for (const [identity, list] of wanted) put(lists, policy, identity, indexOf(list));
    }
    for (const [policy, lists] of this.#policies) {
      const wanted = policyMap.get(policy);
      if (lists.size === wanted?.size) continue;
      for (const identity of lists.keys()) {
        if (wanted?.has(identity)) continue;
        put(lists, policy, identity, 0);
        const { keys, key } = remove.next();
        keys[key] = policy;
        keys[key + 1] = identity;
        this.#removed.push([policy, identity]);
      }
    }
    return { write: write.entries, remove: remove.entries };
  }

  /** Clears the in-memory copy of `policies`. @returns all its keys, to be removed from the BPF map */
  clear(): BpfMapKeys {
    const buffer = new BpfMapWordBuffer(policyKeySize);
    for (const [policy, lists] of this.#policies)
      for (const identity of lists.keys()) {
        const { keys, key } = buffer.next();
        keys[key] = policy;
        keys[key + 1] = identity;
      }
    this.#policies.clear();
    return buffer.entries;
  }

  /** Removes from the in-memory copy of `policies` the keys that were removed from the BPF map. */
  confirmRemovals(): void {
    for (const [policy, identity] of this.#removed) {
      const lists = this.#policies.get(policy);
      lists?.delete(identity);
      if (lists?.size === 0) this.#policies.delete(policy);
    }
    this.#removed = [];
  }
}

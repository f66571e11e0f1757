import { BpfHashMap } from '../../bpf/hash-map.ts';
import type { BpfMapEntryBatch, BpfMapKeys } from '../../bpf/map-batch.ts';
import { podPoliciesSize, unknownPodDefaultEntries } from '../../bpf/rule-layout.ts';
import { BpfMapWordBuffer } from './map-word-buffer.ts';
import type { PolicyTableIndex, TargetPolicyTable } from './policy-table-index.ts';
import type { PolicyTables } from './policy-tables.ts';

/**
 * Words of a `pods` map value, for table A and then B: ingress policy and default entries, egress policy and default
 * entries.
 */
type PolicyWords = readonly number[];
const unknownWords: PolicyWords = [0, unknownPodDefaultEntries, 0, unknownPodDefaultEntries];

/** The BPF map `pods` of a rule set, with a copy of its content in memory. */
export class PodsMap {
  readonly #map: BpfHashMap;
  /** Values of the BPF map `pods`, by pod number. */
  #pods = new Map<number, PolicyWords>();
  #removed = new Set<number>();

  constructor(fd: number) {
    this.#map = new BpfHashMap(fd, 'pods');
  }

  /** Reads the content of the BPF map `pods` from the kernel. */
  read(): void {
    this.#removed = new Set();
    this.#pods = new Map(
      this.#map
        .entries()
        .map(([key, value]) => [
          key.readUInt32LE(0),
          Array.from({ length: 8 }, (_, i) => value.readUInt32LE(4 * i)),
        ]),
    );
  }

  /** Yields the index of each pod's ingress and egress default entries in table A or B. */
  *entryListsOf(table: PolicyTableIndex): Generator<number> {
    for (const words of this.#pods.values())
      for (const at of [1, 3]) {
        const index = words[table * 4 + at];
        if (index !== undefined && index !== unknownPodDefaultEntries) yield index;
      }
  }

  /**
   * Computes the updates that make the `target` tables match, and the keys to remove after the switch.
   * @param indexOf index of an entry list in `rule_entries` @param numberOf number of a pod; pods without one are left
   * out
   */
  prepare(
    tables: PolicyTables,
    target: TargetPolicyTable,
    indexOf: (entryList: number) => number,
    numberOf: (podId: string) => number | undefined,
  ): { write: BpfMapEntryBatch; remove: BpfMapKeys } {
    const write = new BpfMapWordBuffer(4, podPoliciesSize);
    const remove = new BpfMapWordBuffer(4);
    const put = (pod: number, policies: PolicyWords): void => {
      const old = this.#pods.get(pod) ?? [...unknownWords, ...unknownWords];
      const words = [
        ...(target === 1 ? old.slice(0, 4) : policies),
        ...(target === 0 ? old.slice(4) : policies),
      ];
      if (this.#pods.has(pod) && words.every((word, i) => word === old[i])) return;
      const { keys, key, values, value } = write.next();
      keys[key] = pod;
      values.set(words, value);
      values.fill(0, value + 8, value + 10);
      this.#pods.set(pod, words);
    };
    const wanted = new Set<number>();
    const indexOrNone = (entryList: number): number => (entryList === 0 ? 0 : indexOf(entryList));
    for (const [podId, { ingress, egress }] of tables.pods) {
      const pod = numberOf(podId);
      if (pod === undefined) continue;
      wanted.add(pod);
      put(pod, [
        ingress.policy,
        indexOrNone(ingress.defaultEntries),
        egress.policy,
        indexOrNone(egress.defaultEntries),
      ]);
    }
    for (const pod of this.#pods.keys()) {
      if (wanted.has(pod)) continue;
      put(pod, unknownWords);
      const { keys, key } = remove.next();
      keys[key] = pod;
      this.#removed.add(pod);
    }
    return { write: write.entries, remove: remove.entries };
  }

  /** Clears the in-memory copy of `pods`. @returns all its keys, to be removed from the BPF map */
  clear(): BpfMapKeys {
    const buffer = new BpfMapWordBuffer(4);
    for (const pod of this.#pods.keys()) {
      const { keys, key } = buffer.next();
      keys[key] = pod;
    }
    this.#pods.clear();
    return buffer.entries;
  }

  /** Removes from the in-memory copy of `pods` the keys that were removed from the BPF map. */
  confirmRemovals(): void {
    for (const pod of this.#removed) this.#pods.delete(pod);
    this.#removed = new Set();
  }
}

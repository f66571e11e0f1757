import type { BpfMapEntryBatch, BpfMapKeys } from '../../bpf/map-batch.ts';
import { IpcacheMap } from './ipcache-map.ts';
import { PodsMap } from './pods-map.ts';
import { PoliciesMap } from './policies-map.ts';
import type { PolicyTableIndex, TargetPolicyTable } from './policy-table-index.ts';
import type { PolicyTables } from './policy-tables.ts';

/** File descriptors of the three double-buffered BPF maps of a rule set. */
export interface PolicyMapFds {
  ipcache: number;
  pods: number;
  policies: number;
}

/** Updates of a rule set's maps to make before the switch, and the keys to remove after it. */
interface MapChanges {
  ipcache: BpfMapEntryBatch;
  pods: BpfMapEntryBatch;
  policies: BpfMapEntryBatch;
  remove: RemovedMapKeys;
}
export type RemovedMapKeys = Record<keyof PolicyMapFds, BpfMapKeys>;

/**
 * The double-buffered maps of a rule set that lead to entries: each value has a part for table A and one for table B.
 * Keeps a copy of their content, so that a change writes only what differs.
 */
export class PolicyMaps {
  readonly #ipcache: IpcacheMap;
  readonly #pods: PodsMap;
  readonly #policies: PoliciesMap;

  constructor(fds: PolicyMapFds) {
    this.#ipcache = new IpcacheMap(fds.ipcache);
    this.#pods = new PodsMap(fds.pods);
    this.#policies = new PoliciesMap(fds.policies);
    this.read();
  }

  /** Reads the content of a rule set's maps from the kernel and replaces the in-memory copy. */
  read(): void {
    this.#ipcache.read();
    this.#pods.read();
    this.#policies.read();
  }

  get sizes(): { ipcache: number; policies: number } {
    return { ipcache: this.#ipcache.size, policies: this.#policies.size };
  }

  /** Returns the indexes of all entry lists that table A or B refers to. */
  entryListsOf(table: PolicyTableIndex): Set<number> {
    const found = new Set([...this.#pods.entryListsOf(table), ...this.#policies.entryListsOf(table)]);
    found.delete(0);
    return found;
  }

  /**
   * Computes the map changes that make the `target` tables match and leave the other table unchanged, and records them
   * in the copy.
   * @param indexOf index of an entry list in `rule_entries` @param numberOf number of a pod; pods without one are left
   * out
   */
  prepare(
    tables: PolicyTables,
    target: TargetPolicyTable,
    indexOf: (entryList: number) => number,
    numberOf: (podId: string) => number | undefined,
  ): MapChanges {
    const ipcache = this.#ipcache.prepare(tables, target);
    const pods = this.#pods.prepare(tables, target, indexOf, numberOf);
    const policies = this.#policies.prepare(tables, target, indexOf);
    return {
      ipcache: ipcache.write,
      pods: pods.write,
      policies: policies.write,
      remove: { ipcache: ipcache.remove, pods: pods.remove, policies: policies.remove },
    };
  }

  /** Clears the in-memory copy of a rule set's maps. @returns all their keys, to be removed from the maps */
  clear(): RemovedMapKeys {
    return { ipcache: this.#ipcache.clear(), pods: this.#pods.clear(), policies: this.#policies.clear() };
  }

  /** Removes from the in-memory copy the keys that were removed from a rule set's maps. */
  confirmRemovals(): void {
    this.#ipcache.confirmRemovals();
    this.#pods.confirmRemovals();
    this.#policies.confirmRemovals();
  }
}

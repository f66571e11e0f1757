import { ProblemError } from '../../../contract/problem.ts';
import type { RuleSetName } from '../../../contract/rules.ts';
import { BpfError } from '../../bpf/bpf-error.ts';
import { deleteMapBatch, updateMapBatch } from '../../bpf/map-batch.ts';
import { waitForRcuGracePeriod } from '../../bpf/rcu.ts';
import { ruleMapCapacities } from '../../bpf/rule-layout.ts';
import type { RuleEntryAllocator } from '../tables/entry-allocator.ts';
import { type PolicyMapFds, PolicyMaps, type RemovedMapKeys } from '../tables/policy-maps.ts';
import type { PolicyTableIndex } from '../tables/policy-table-index.ts';
import type { PolicyTableEntry, PolicyTables } from '../tables/policy-tables.ts';
import type { DatapathSettingsMap } from './datapath-settings-map.ts';
import type { RuleEntryHits, RuleLoadRequest, RuleLoadResult } from './kernel-rules.ts';

/** A policy entry list that is loaded in the kernel. */
interface LoadedList {
  index: number;
  entries: readonly PolicyTableEntry[];
}

/** Number of entries of each extent of the map `rule_entries`, by the extent's index. */
type Extents = ReadonlyMap<number, number>;

/** Result of switching a rule set to new tables, with a function that removes the old ones. */
export interface RuleSetSwitch {
  result: Omit<RuleLoadResult, 'adopted'>;
  /** Removes the entries and map elements of the old tables; must complete before the next load. */
  cleanUp: () => Promise<void>;
}

/** Loads the tables of one rule set into its BPF maps. Callers must serialize calls. */
export class RuleSetLoader {
  readonly #name: RuleSetName;
  readonly #fds: PolicyMapFds;
  readonly #settings: DatapathSettingsMap;
  readonly #allocator: RuleEntryAllocator;
  readonly #maps: PolicyMaps;
  /** Loaded entry lists by entry list number. */
  #lists = new Map<number, LoadedList>();
  /** Extents of all loaded entry lists, including those of an earlier agent. */
  #extents: Extents;
  /** Next unused entry list number. */
  nextEntryList = 1;
  /** True after a failed write: the in-memory copy may differ from the kernel's maps and must be read again. */
  #outOfSync = false;

  /** Takes over the tables of an earlier agent and reserves the extents that its active table uses. */
  constructor(
    name: RuleSetName,
    fds: PolicyMapFds,
    settings: DatapathSettingsMap,
    allocator: RuleEntryAllocator,
  ) {
    this.#name = name;
    this.#fds = fds;
    this.#settings = settings;
    this.#allocator = allocator;
    this.#maps = new PolicyMaps(fds);
    const extents = new Map<number, number>();
    if (settings.hasFlag(name)) {
      const table = (settings.generation(name) & 1) as PolicyTableIndex;
      for (const index of this.#maps.entryListsOf(table)) {
        extents.set(index, allocator.entryCountAt(index));
        allocator.reserve(index);
      }
    }
    this.#extents = extents;
  }

  /** Generation that the next load will have. */
  get nextGeneration(): number {
    return Math.max(1, (this.#settings.generation(this.#name) + 1) >>> 0);
  }

  /**
   * Loads the tables of the rule set; if this throws, the old tables stay active.
   * @throws ProblemError `rules_too_large`
   * @throws BpfError
   */
  async load(
    { tables, defaults }: RuleLoadRequest,
    numberOf: (podId: string) => number | undefined,
  ): Promise<RuleSetSwitch> {
    const start = performance.now();
    this.#synchronize();
    const active = this.#settings.hasFlag(this.#name);
    const generation = this.nextGeneration;
    const table = (generation & 1) as PolicyTableIndex;

    const { lists, added } = this.#addLists(tables);
    const indexOf = (entryList: number): number => {
      const list = lists.get(entryList);
      if (!list) throw new Error(`the tables have no entry list ${entryList}`);
      return list.index;
    };
    let changes: ReturnType<PolicyMaps['prepare']>;
    try {
      changes = this.#maps.prepare(tables, active ? table : 'both', indexOf, numberOf);
      this.#checkCapacity();
      await updateMapBatch('ipcache', this.#fds.ipcache, changes.ipcache);
      await updateMapBatch('policies', this.#fds.policies, changes.policies, true);
      await updateMapBatch('pods', this.#fds.pods, changes.pods, true);
    } catch (error) {
      this.#outOfSync = true;
      this.#free(added);
      throw error instanceof BpfError && ['E2BIG', 'ENOSPC'].includes(error.errnoName)
        ? tooLarge(error.message)
        : error;
    }
    this.#settings.setUnknownPodDenied(this.#name, table, [
      defaults.ingress === 'deny',
      defaults.egress === 'deny',
    ]);
    this.#settings.setGeneration(this.#name, generation);
    this.#settings.setFlag(this.#name, true);
    const milliseconds = performance.now() - start;

    const kept = new Map([...lists.values()].map(({ index, entries }) => [index, entries.length]));
    const obsolete = new Map([...this.#extents].filter(([index]) => !kept.has(index)));
    this.#extents = kept;
    this.#lists = lists;
    for (const list of tables.entryLists.keys()) this.nextEntryList = Math.max(this.nextEntryList, list + 1);
    const { ipcache, pods, policies, remove } = changes;
    return {
      result: {
        generation,
        milliseconds,
        written: ipcache.count + pods.count + policies.count + countEntries(added),
        removed: countKeys(remove) + countEntries(obsolete),
      },
      cleanUp: () => this.#cleanUp(remove, obsolete),
    };
  }

  /** Disables the rule set in the kernel, and returns a function that removes its tables. */
  remove(): RuleSetSwitch {
    const start = performance.now();
    this.#synchronize();
    this.#settings.setFlag(this.#name, false);
    const milliseconds = performance.now() - start;
    const remove = this.#maps.clear();
    const obsolete = this.#extents;
    this.#extents = new Map();
    this.#lists = new Map();
    const removed = countKeys(remove) + countEntries(obsolete);
    const generation = this.#settings.generation(this.#name);
    return {
      result: { generation, milliseconds, written: 0, removed },
      cleanUp: () => this.#cleanUp(remove, obsolete),
    };
  }

  /** Returns the number of hits of each entry of the rule set. */
  hits(): RuleEntryHits[] {
    const found: RuleEntryHits[] = [];
    for (const [entryList, { index, entries }] of this.#lists)
      entries.forEach(({ protocol, port, length, rule, log }, i) => {
        found.push({ entryList, protocol, port, length, rule, log, hits: this.#allocator.hitsAt(index + i) });
      });
    return found;
  }

  #synchronize(): void {
    if (this.#outOfSync) this.#maps.read();
    this.#outOfSync = false;
  }

  /**
   * Waits for a grace period twice: before, since running programs may still evaluate by the old tables, and after,
   * since the kernel reuses a deleted hash element at once.
   */
  async #cleanUp(remove: RemovedMapKeys, obsolete: Extents): Promise<void> {
    try {
      await waitForRcuGracePeriod();
      this.#free(obsolete);
      if (countKeys(remove) === 0) return;
      await deleteMapBatch('ipcache', this.#fds.ipcache, remove.ipcache);
      await deleteMapBatch('policies', this.#fds.policies, remove.policies);
      await deleteMapBatch('pods', this.#fds.pods, remove.pods);
      this.#maps.confirmRemovals();
      await waitForRcuGracePeriod();
    } catch {
      // Elements that could not be removed are never read, and the next load finds them again.
      this.#outOfSync = true;
    }
  }

  /** Writes the entry lists that are not in the kernel yet. @throws ProblemError `rules_too_large` */
  #addLists(tables: PolicyTables): { lists: Map<number, LoadedList>; added: Extents } {
    const lists = new Map<number, LoadedList>();
    const added = new Map<number, number>();
    for (const [number, entries] of tables.entryLists) {
      const known = this.#lists.get(number);
      if (known && hasEntries(known, entries)) {
        lists.set(number, known);
        continue;
      }
      const index = this.#allocator.allocate(entries);
      if (index === null) {
        const { capacity, freeEntries } = this.#allocator;
        this.#free(added);
        throw tooLarge(
          `write a list of ${entries.length} entries: ${freeEntries} of ${capacity} entries are free, ` +
            'which the active and the staged rules share, each beside the tables that they replace',
        );
      }
      lists.set(number, { index, entries });
      added.set(index, entries.length);
    }
    return { lists, added };
  }

  #free(extents: Extents): void {
    for (const [index, count] of extents) this.#allocator.free(index, count);
  }

  /**
   * Checks that `ipcache` and `policies` have room for the old and the new elements; `pods` always has.
   * @throws ProblemError `rules_too_large`
   */
  #checkCapacity(): void {
    for (const map of ['ipcache', 'policies'] as const)
      if (this.#maps.sizes[map] > ruleMapCapacities[map])
        throw tooLarge(
          `write ${map}: it holds ${ruleMapCapacities[map]} elements, ` +
            `but the old and the new tables together need ${this.#maps.sizes[map]}`,
        );
  }
}

const countKeys = ({ ipcache, pods, policies }: RemovedMapKeys): number =>
  ipcache.count + pods.count + policies.count;

const countEntries = (extents: Extents): number =>
  [...extents.values()].reduce((sum, count) => sum + count, 0);

const isSameEntry = (a: PolicyTableEntry, b: PolicyTableEntry): boolean =>
  a.port === b.port &&
  a.length === b.length &&
  a.protocol === b.protocol &&
  a.verdict === b.verdict &&
  a.rule === b.rule &&
  a.log === b.log;

const hasEntries = ({ entries }: LoadedList, wanted: readonly PolicyTableEntry[]): boolean =>
  entries === wanted ||
  (entries.length === wanted.length &&
    entries.every((entry, i) => {
      const other = wanted[i];
      return other !== undefined && (entry === other || isSameEntry(entry, other));
    }));

const tooLarge = (detail: string): ProblemError =>
  new ProblemError('rules_too_large', detail, {
    hint: 'The old rules stay active. Discard the staged rules, or make the change in two steps.',
  });

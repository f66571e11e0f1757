import { ProblemError } from '../../../contract/problem.ts';
import { deleteBatch, updateBatch } from '../../bpf/map-batch.ts';
import { BpfRefusal } from '../../bpf/syscall.ts';
import type { RuleMaps } from '../../bpf/datapath-maps.ts';
import { runsEnded } from '../../bpf/rcu.ts';
import { HashMap } from '../../bpf/hash-map.ts';
import { ArrayMap } from '../../bpf/array-map.ts';
import { Mapping } from '../../bpf/mmap.ts';
import { decodeTrace, decodeVerdict, encodeTraceFilter, traceFilterBytes } from '../../bpf/rule-events.ts';
import { entryBytes, lostBytes, mappedBytes, mappedText, ruleRoom } from '../../bpf/rule-layout.ts';
import { libbpf_num_possible_cpus } from '../../ffi/libbpf.ts';
import { listConnections } from './conntrack.ts';
import { type Changes, type Half, Halves } from '../tables/policy-maps.ts';
import type {
  EntryHits,
  Loaded,
  LoadRequest,
  LostVerdicts,
  RuleKernel,
  RuleSetName,
  TraceEvent,
  TraceFilter,
  TrackedConnection,
  VerdictEvent,
} from './kernel-rules.ts';
import { Listened } from './ring-buffer-subscription.ts';
import { RowArena } from '../tables/entry-allocator.ts';
import { Settings } from './kernel-settings.ts';
import type { RowEntry, Tables } from '../tables/policy-tables.ts';
import { defaultTimeouts, type Timeouts } from './conntrack-timeouts.ts';

export interface RuleLoaderOptions {
  /** Devices that the maps were made for. */
  slots: number;
  timeouts?: Timeouts;
  /** Verdicts that are told of each device, in the long run and at once. */
  verdicts?: { perSecond: number; burst: number };
}

/** A row that the kernel has. */
interface Row {
  index: number;
  entries: readonly RowEntry[];
}

/** What the kernel has of a set. */
interface SetState {
  name: RuleSetName;
  fds: { prefixes: number; policies: number; assignments: number };
  halves: Halves;
  /** By number. */
  rows: Map<number, Row>;
  /** Pieces of the arena that are the set's: length by index. */
  held: Map<number, number>;
  nextRow: number;
  /** A write has failed: what the kernel has is to be read again. */
  unsure: boolean;
}

/** Puts rule sets into the kernel, and tells what the kernel says of them. One per set of maps. */
export class RuleLoader implements RuleKernel {
  readonly #maps: RuleMaps;
  readonly #slots: number;
  readonly #settings: Settings;
  readonly #rows: Mapping;
  readonly #arena: RowArena;
  readonly #sets: Record<RuleSetName, SetState>;
  readonly #connections: HashMap;
  readonly #nodeAddresses: HashMap;
  readonly #lost: Mapping;
  readonly #verdicts: Listened<VerdictEvent>;
  readonly #traces: Listened<TraceEvent>;
  /** The last load, with what it leaves to be done behind the switch. */
  #last: Promise<unknown> = Promise.resolve();

  /** What an earlier agent has put there goes on judging until the next load. */
  constructor(maps: RuleMaps, options: RuleLoaderOptions) {
    const { slots, timeouts = defaultTimeouts, verdicts = { perSecond: 50, burst: 100 } } = options;
    this.#maps = maps;
    this.#slots = slots;
    this.#settings = new Settings(maps.settings);
    this.#settings.setTimeouts(timeouts);
    this.#rows = new Mapping('the rows', maps.rows, ruleRoom.entries * entryBytes);
    this.#arena = new RowArena(this.#rows.buffer);
    this.#sets = {
      active: this.#found('active', maps.prefixes, maps.policies, maps.assignments),
      draft: this.#found('draft', maps.draft_prefixes, maps.draft_policies, maps.draft_assignments),
    };
    this.#connections = new HashMap(maps.connections, 'connections');
    this.#nodeAddresses = new HashMap(maps.node_addresses, 'node_addresses');
    this.#lost = new Mapping(
      'the lost verdicts',
      maps.lost_verdicts,
      libbpf_num_possible_cpus() * slots * lostBytes,
    );
    this.#settings.setVerdictRate(0, 1);
    this.#verdicts = new Listened(maps.verdicts, 'verdicts', decodeVerdict, (on) =>
      this.#settings.setVerdictRate(on ? verdicts.perSecond : 0, verdicts.burst),
    );
    this.#traces = new Listened(maps.traces, 'traces', decodeTrace, () => undefined);
    this.setTraces([]);
  }

  /** A set as it was left: by whom the kernel judges, no row is given away. */
  #found(name: RuleSetName, prefixes: number, policies: number, assignments: number): SetState {
    const fds = { prefixes, policies, assignments };
    const halves = new Halves(fds);
    const held = new Map<number, number>();
    if (this.#settings.isOn(name))
      for (const index of halves.rowsOf(this.#half(name))) {
        held.set(index, this.#arena.countAt(index));
        this.#arena.keep(index);
      }
    return { name, fds, halves, held, rows: new Map(), nextRow: 1, unsure: false };
  }

  #half(set: RuleSetName): Half {
    return (this.#settings.generation(set) & 1) as Half;
  }

  generation(set: RuleSetName): number | null {
    return this.#settings.isOn(set) ? this.#settings.generation(set) : null;
  }

  nextRow(set: RuleSetName): number {
    return this.#sets[set].nextRow;
  }

  load(
    set: RuleSetName,
    request: LoadRequest | null,
    numberOf: (podId: string) => number | undefined,
  ): Promise<Loaded> {
    const state = this.#sets[set];
    const loading = this.#last.then(() =>
      request === null ? this.#takeAway(state) : this.#load(state, request, numberOf),
    );
    // What is left behind is removed before the next load; a failure of that leaves entries that nobody reads.
    this.#last = loading.then(
      ({ settle }) =>
        settle().catch(() => {
          state.unsure = true;
        }),
      () => undefined,
    );
    return loading.then(({ loaded }) => loaded);
  }

  async #load(
    state: SetState,
    { tables, defaults }: LoadRequest,
    numberOf: (podId: string) => number | undefined,
  ): Promise<Settled> {
    const start = performance.now();
    const { name } = state;
    if (state.unsure) state.halves.read();
    state.unsure = false;
    const on = this.#settings.isOn(name);
    const generation = Math.max(1, (this.#settings.generation(name) + 1) >>> 0);
    const half = (generation & 1) as Half;

    const rows = new Map<number, Row>();
    const added = this.#addRows(state, tables, rows);
    const changes = this.#change(state, tables, on ? half : null, rows, numberOf);
    try {
      checkRoom(state.halves);
      await updateBatch('prefixes', state.fds.prefixes, changes.prefixes);
      await updateBatch('assignments', state.fds.assignments, changes.assignments, true);
      await updateBatch('policies', state.fds.policies, changes.policies, true);
    } catch (error) {
      state.unsure = true;
      this.#dropRows(added);
      throw error instanceof BpfRefusal && ['E2BIG', 'ENOSPC'].includes(error.reason)
        ? tooLarge(error.message)
        : error;
    }
    this.#settings.setUnknown(name, half, [defaults.ingress === 'deny', defaults.egress === 'deny']);
    this.#settings.setGeneration(name, generation);
    this.#settings.turn(name, true);
    const milliseconds = performance.now() - start;

    const kept = new Map([...rows.values()].map(({ index, entries }) => [index, entries.length]));
    const left = [...state.held].filter(([index]) => !kept.has(index));
    state.held = kept;
    state.rows = rows;
    for (const row of tables.rows.keys()) state.nextRow = Math.max(state.nextRow, row + 1);
    const sum = (rows: Iterable<[number, number]>) => [...rows].reduce((sum, [, count]) => sum + count, 0);
    const { prefixes, policies, assignments, remove } = changes;
    return {
      loaded: {
        generation,
        milliseconds,
        written: prefixes.count + policies.count + assignments.count + sum(added),
        removed: countOf(remove) + sum(left),
      },
      settle: () => this.#settle(state, remove, left),
    };
  }

  async #takeAway(state: SetState): Promise<Settled> {
    const start = performance.now();
    if (state.unsure) state.halves.read();
    state.unsure = false;
    this.#settings.turn(state.name, false);
    const milliseconds = performance.now() - start;
    const remove = state.halves.clear();
    const left = [...state.held];
    state.held = new Map();
    state.rows = new Map();
    const removed = countOf(remove) + left.reduce((sum, [, count]) => sum + count, 0);
    const generation = this.#settings.generation(state.name);
    return {
      loaded: { generation, milliseconds, written: 0, removed },
      settle: () => this.#settle(state, remove, left),
    };
  }

  /**
   * Removes what nobody looks at any more. Twice it is waited until all programs that run have ended: before, since
   * they may judge by the old tables, and after, since an element of a hash is used again at once.
   */
  async #settle(state: SetState, remove: Changes['remove'], rows: [number, number][]): Promise<void> {
    await runsEnded();
    this.#dropRows(rows);
    if (countOf(remove) === 0) return;
    await deleteBatch('prefixes', state.fds.prefixes, remove.prefixes);
    await deleteBatch('assignments', state.fds.assignments, remove.assignments);
    await deleteBatch('policies', state.fds.policies, remove.policies);
    state.halves.forget();
    await runsEnded();
  }

  /** Writes rows that the kernel has not; answers them, length by index. @throws ProblemError `rules_too_large` */
  #addRows(state: SetState, tables: Tables, rows: Map<number, Row>): [number, number][] {
    const added: [number, number][] = [];
    for (const [number, entries] of tables.rows) {
      const known = state.rows.get(number);
      if (known && sameEntries(known.entries, entries)) {
        rows.set(number, known);
        continue;
      }
      const index = this.#arena.add(entries);
      if (index === null) {
        const { room } = this.#arena;
        this.#dropRows(added);
        throw tooLarge(
          `write a row of ${entries.length} entries: ${this.#arena.size} entries of both sets have room, ` +
            `those that judge now and those that are to judge included, and ${room} are left`,
        );
      }
      rows.set(number, { index, entries });
      added.push([index, entries.length]);
    }
    return added;
  }

  #dropRows(rows: readonly [number, number][]): void {
    for (const [index, count] of rows) this.#arena.remove(index, count);
  }

  #change(
    state: SetState,
    tables: Tables,
    half: Half | null,
    rows: ReadonlyMap<number, Row>,
    numberOf: (podId: string) => number | undefined,
  ): Changes {
    return state.halves.change(tables, half, (row) => rows.get(row)!.index, numberOf);
  }

  hits(set: RuleSetName): EntryHits[] {
    const found: EntryHits[] = [];
    for (const [row, { index, entries }] of this.#sets[set].rows)
      entries.forEach(({ protocol, port, length, rule, log }, i) => {
        found.push({ row, protocol, port, length, rule, log, hits: this.#arena.hitsAt(index + i) });
      });
    return found;
  }

  connections(owner?: number): TrackedConnection[] {
    return listConnections(this.#connections, owner);
  }

  setNodeAddresses(addresses: readonly string[]): void {
    const wanted = new Set(addresses.map((address) => mappedText(mappedBytes(address))));
    for (const [key] of this.#nodeAddresses.entries())
      if (!wanted.delete(mappedText(key))) this.#nodeAddresses.delete(key);
    for (const address of wanted) this.#nodeAddresses.set(mappedBytes(address), Buffer.alloc(4));
  }

  onVerdicts(listener: (events: readonly VerdictEvent[]) => void): () => void {
    return this.#verdicts.listen(listener);
  }

  lost(): LostVerdicts[] {
    const words = new BigUint64Array(this.#lost.buffer);
    const found: LostVerdicts[] = [];
    for (let slot = 0; slot < this.#slots; slot += 1) {
      let [limited, full] = [0n, 0n];
      for (let at = slot * 2; at < words.length; at += this.#slots * 2) {
        limited += words[at]!;
        full += words[at + 1]!;
      }
      if (limited > 0n || full > 0n) found.push({ slot, limited, full });
    }
    return found;
  }

  setTraces(filters: readonly TraceFilter[]): void {
    if (filters.length > ruleRoom.traceFilters)
      throw new RangeError(`${filters.length} filters, at most ${ruleRoom.traceFilters}`);
    const map = new ArrayMap(this.#maps.trace_filters, 'trace_filters', traceFilterBytes);
    if (filters.length === 0) this.#settings.turn('trace', false);
    for (let i = 0; i < ruleRoom.traceFilters; i += 1) {
      const filter = filters[i];
      map.set(i, filter ? encodeTraceFilter(filter) : Buffer.alloc(traceFilterBytes));
    }
    if (filters.length > 0) this.#settings.turn('trace', true);
  }

  onTraces(listener: (events: readonly TraceEvent[]) => void): () => void {
    return this.#traces.listen(listener);
  }

  lostTraces(): bigint {
    return this.#settings.lostTraces;
  }

  /** Waits for what is being loaded, and lets go. The rules stay in force. */
  async close(): Promise<void> {
    await this.#last;
    this.#verdicts.close();
    this.#traces.close();
    this.setTraces([]);
    this.#settings.close();
    this.#rows.close();
    this.#lost.close();
  }
}

interface Settled {
  loaded: Loaded;
  /** What is to be done behind the switch. */
  settle: () => Promise<void>;
}

const sameEntry = (a: RowEntry, b: RowEntry): boolean =>
  a.port === b.port &&
  a.length === b.length &&
  a.protocol === b.protocol &&
  a.verdict === b.verdict &&
  a.rule === b.rule &&
  a.log === b.log;
const sameEntries = (a: readonly RowEntry[], b: readonly RowEntry[]): boolean =>
  a === b ||
  (a.length === b.length &&
    a.every((entry, i) => {
      const other = b[i]!;
      return entry === other || sameEntry(entry, other);
    }));

const countOf = ({ prefixes, policies, assignments }: Changes['remove']): number =>
  prefixes.count + policies.count + assignments.count;

/** @throws ProblemError `rules_too_large`; policies have room for all pods that there can be, twice */
function checkRoom(halves: Halves): void {
  for (const what of ['prefixes', 'assignments'] as const)
    if (halves.sizes[what] > ruleRoom[what])
      throw tooLarge(
        `write ${what}: ${ruleRoom[what]} have room, those that judge now and those that are to judge are ` +
          `${halves.sizes[what]}`,
      );
}

const tooLarge = (detail: string): ProblemError =>
  new ProblemError('rules_too_large', detail, {
    hint: 'The old rules go on. Take the draft away, or make the change in two steps.',
  });

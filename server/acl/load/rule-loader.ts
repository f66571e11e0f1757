import type { RuleSetName } from '../../../contract/rules.ts';
import { Mutex } from '../../async/mutex.ts';
import { BpfArrayMap } from '../../bpf/array-map.ts';
import type { RuleMapDescriptors } from '../../bpf/datapath-maps.ts';
import { BpfHashMap } from '../../bpf/hash-map.ts';
import { MemoryMapping } from '../../bpf/memory-mapping.ts';
import {
  decodeTraceEvent,
  decodeVerdictEvent,
  encodeTraceFilter,
  type PacketTraceFilter,
  type TraceEvent,
  traceFilterSize,
  type VerdictEvent,
} from '../../bpf/rule-events.ts';
import {
  decodeMappedIpAddress,
  encodeMappedIpAddress,
  lostVerdictsSize,
  ruleEntrySize,
  ruleMapCapacities,
} from '../../bpf/rule-layout.ts';
import { libbpf_num_possible_cpus } from '../../ffi/libbpf.ts';
import { RuleEntryAllocator } from '../tables/entry-allocator.ts';
import { listTrackedConnections } from './conntrack.ts';
import { type ConntrackTimeouts, defaultConntrackTimeouts } from './conntrack-timeouts.ts';
import { DatapathSettingsMap } from './datapath-settings-map.ts';
import type {
  KernelRules,
  LostVerdictEvents,
  RuleEntryHits,
  RuleLoadRequest,
  RuleLoadResult,
  TrackedConnection,
} from './kernel-rules.ts';
import { RingBufferSubscription } from './ring-buffer-subscription.ts';
import { RuleSetLoader } from './rule-set-loader.ts';

export interface RuleLoaderOptions {
  /** Number of slots for which the BPF maps were created. */
  slots: number;
  timeouts?: ConntrackTimeouts;
  /** Rate limit of verdict events per slot: average number per second, and burst size. */
  verdicts?: { perSecond: number; burst: number };
}

/** Loads rule sets into the kernel and reads connections, verdict events and trace events from it. */
export class RuleLoader implements KernelRules {
  readonly #slots: number;
  readonly #settings: DatapathSettingsMap;
  readonly #entries: MemoryMapping;
  readonly #sets: Record<RuleSetName, RuleSetLoader>;
  readonly #conntrack: BpfHashMap;
  readonly #nodeAddresses: BpfHashMap;
  readonly #lostVerdicts: MemoryMapping;
  readonly #verdicts: RingBufferSubscription<VerdictEvent>;
  readonly #traceFilters: BpfArrayMap;
  readonly #traces: RingBufferSubscription<TraceEvent>;
  /** Serializes loads of rule sets, including the clean-up of each. */
  readonly #loads = new Mutex();

  /** Takes over the rules that an earlier agent loaded, which stay enforced until the next load. */
  constructor(maps: RuleMapDescriptors, options: RuleLoaderOptions) {
    const { slots, timeouts = defaultConntrackTimeouts, verdicts = { perSecond: 50, burst: 100 } } = options;
    this.#slots = slots;
    this.#settings = new DatapathSettingsMap(maps.settings);
    this.#settings.setTimeouts(timeouts);
    this.#entries = new MemoryMapping(
      'the rule entries',
      maps.rule_entries,
      ruleMapCapacities.entries * ruleEntrySize,
    );
    const allocator = new RuleEntryAllocator(this.#entries.buffer);
    const { ipcache, pods, policies } = maps;
    const staged = { ipcache: maps.staged_ipcache, pods: maps.staged_pods, policies: maps.staged_policies };
    this.#sets = {
      active: new RuleSetLoader('active', { ipcache, pods, policies }, this.#settings, allocator),
      staged: new RuleSetLoader('staged', staged, this.#settings, allocator),
    };
    this.#conntrack = new BpfHashMap(maps.conntrack, 'conntrack');
    this.#nodeAddresses = new BpfHashMap(maps.node_addresses, 'node_addresses');
    this.#lostVerdicts = new MemoryMapping(
      'the lost verdicts',
      maps.lost_verdicts,
      libbpf_num_possible_cpus() * slots * lostVerdictsSize,
    );
    this.#settings.setVerdictRate(0, 1);
    this.#verdicts = new RingBufferSubscription(maps.verdicts, 'verdicts', decodeVerdictEvent, (active) =>
      this.#settings.setVerdictRate(active ? verdicts.perSecond : 0, verdicts.burst),
    );
    this.#traceFilters = new BpfArrayMap(maps.trace_filters, 'trace_filters', traceFilterSize);
    this.#traces = new RingBufferSubscription(maps.traces, 'traces', decodeTraceEvent);
    this.setTraceFilters([]);
  }

  generation(set: RuleSetName): number | null {
    return this.#settings.hasFlag(set) ? this.#settings.generation(set) : null;
  }

  nextEntryList(set: RuleSetName): number {
    return this.#sets[set].nextEntryList;
  }

  /**
   * Loads or removes a rule set. Resolves when the kernel uses the new tables; the clean-up continues, and the next
   * load waits for it.
   */
  load(
    set: RuleSetName,
    request: RuleLoadRequest | null,
    numberOf: (podId: string) => number | undefined,
  ): Promise<RuleLoadResult> {
    const loader = this.#sets[set];
    return new Promise((resolve, reject) => {
      // The work itself never fails: the caller gets its errors.
      void this.#loads.run(async () => {
        try {
          const { result, cleanUp } =
            request === null ? loader.remove() : await loader.load(request, numberOf);
          resolve(result);
          await cleanUp();
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  hits(set: RuleSetName): RuleEntryHits[] {
    return this.#sets[set].hits();
  }

  connections(owner?: number): TrackedConnection[] {
    return listTrackedConnections(this.#conntrack, owner);
  }

  setNodeAddresses(addresses: readonly string[]): void {
    const wanted = new Set(addresses.map((address) => decodeMappedIpAddress(encodeMappedIpAddress(address))));
    for (const [key] of this.#nodeAddresses.entries())
      if (!wanted.delete(decodeMappedIpAddress(key))) this.#nodeAddresses.delete(key);
    for (const address of wanted) this.#nodeAddresses.set(encodeMappedIpAddress(address), Buffer.alloc(4));
  }

  onVerdicts(listener: (events: readonly VerdictEvent[]) => void): () => void {
    return this.#verdicts.subscribe(listener);
  }

  lostVerdicts(): LostVerdictEvents[] {
    const words = new BigUint64Array(this.#lostVerdicts.buffer);
    const found: LostVerdictEvents[] = [];
    for (let slot = 0; slot < this.#slots; slot += 1) {
      let [rateLimited, bufferFull] = [0n, 0n];
      for (let at = slot * 2; at < words.length; at += this.#slots * 2) {
        rateLimited += words[at] ?? 0n;
        bufferFull += words[at + 1] ?? 0n;
      }
      if (rateLimited > 0n || bufferFull > 0n) found.push({ slot, rateLimited, bufferFull });
    }
    return found;
  }

  setTraceFilters(filters: readonly PacketTraceFilter[]): void {
    if (filters.length > ruleMapCapacities.traceFilters)
      throw new RangeError(`${filters.length} trace filters; the limit is ${ruleMapCapacities.traceFilters}`);
    if (filters.length === 0) this.#settings.setFlag('trace', false);
    for (let i = 0; i < ruleMapCapacities.traceFilters; i += 1) {
      const filter = filters[i];
      this.#traceFilters.set(i, filter ? encodeTraceFilter(filter) : Buffer.alloc(traceFilterSize));
    }
    if (filters.length > 0) this.#settings.setFlag('trace', true);
  }

  onTraceEvents(listener: (events: readonly TraceEvent[]) => void): () => void {
    return this.#traces.subscribe(listener);
  }

  lostTraces(): bigint {
    return this.#settings.lostTraces;
  }

  /** Waits for running loads and unmaps the BPF maps. The rules stay active in the kernel. */
  async close(): Promise<void> {
    await this.#loads.idle();
    this.#verdicts.close();
    this.#traces.close();
    this.setTraceFilters([]);
    this.#settings.close();
    this.#entries.close();
    this.#lostVerdicts.close();
  }
}

import type { RuleSetName } from '../../../contract/rules.ts';
import { Mutex } from '../../async/mutex.ts';
import { BpfArrayMap } from '../../bpf/array-map.ts';
import type { RuleMapDescriptors } from '../../bpf/datapath-maps.ts';
import { BpfHashMap } from '../../bpf/hash-map.ts';
import { readBpfMapInfo } from '../../bpf/map-info.ts';
import { MemoryMapping } from '../../bpf/memory-mapping.ts';
import {
  decodeTraceEvent,
  decodeVerdictEvent,
  encodeTraceFilter,
  type PacketTraceFilter,
  type TraceEvent,
  traceFilterSize,
  type VerdictEvent,
} from '../../bpf/packet-events.ts';
import { waitForRcuGracePeriod } from '../../bpf/rcu.ts';
import {
  decodeMappedIpAddress,
  encodeMappedIpAddress,
  lostVerdictsSize,
  ruleEntrySize,
  ruleMapCapacities,
} from '../../bpf/rule-layout.ts';
import { libbpf_num_possible_cpus } from '../../ffi/libbpf.ts';
import { RuleEntryAllocator } from '../tables/entry-allocator.ts';
import { countAdoptedConnections, listBpfTrackedConnections } from './bpf-conntrack.ts';
import { type ConntrackTimeouts, defaultConntrackTimeouts } from './conntrack-timeouts.ts';
import { writeConnections } from './conntrack-writer.ts';
import { DatapathSettingsMap } from './datapath-settings-map.ts';
import type { ExistingConnection } from './existing-connections.ts';
import type {
  ConnectionTableUse,
  KernelRules,
  LostVerdictEvents,
  RuleEntryHits,
  RuleLoadRequest,
  RuleLoadResult,
  RuleRecordKeeper,
  TrackedConnection,
} from './kernel-rules.ts';
import { RingBufferSubscription } from './ring-buffer-subscription.ts';
import { RuleSetLoader } from './rule-set-loader.ts';

export interface RuleLoaderOptions {
  /** Number of slots for which the BPF maps were created. */
  slots: number;
  timeouts?: ConntrackTimeouts;
  /** Maximum number of connections of one pod; default a quarter of the table. */
  connectionQuota?: number;
  /** Rate limit of verdict events per slot: average number per second, and burst size. */
  verdicts?: { perSecond: number; burst: number };
  /** Keeps the records of the loaded rule sets. */
  records?: RuleRecordKeeper;
  /** Called before each load of a rule set. */
  beforeLoad?: () => Promise<void>;
  /** Finds the connections that exist when the first rules are loaded, so that they go on. */
  existingConnections?: () => Promise<readonly ExistingConnection[]>;
}

/** Loads rule sets into the kernel and reads connections, verdict events and trace events from it. */
export class RuleLoader implements KernelRules {
  readonly #slots: number;
  readonly #settings: DatapathSettingsMap;
  /** The rule entries, 12 MB of memory, once a list of them is written or read; null before that. */
  #entries: MemoryMapping | null = null;
  readonly #maps: RuleMapDescriptors;
  #sets: Record<RuleSetName, RuleSetLoader>;
  /** Generation of each rule set as the last load left it; null if it is not evaluated. */
  readonly #left: Record<RuleSetName, number | null>;
  readonly #records: RuleRecordKeeper | undefined;
  readonly #conntrack: BpfHashMap;
  readonly #conntrackPods: BpfHashMap;
  readonly #conntrackRings: BpfHashMap;
  readonly #timeouts: ConntrackTimeouts;
  readonly #beforeLoad: () => Promise<void>;
  readonly #existingConnections: () => Promise<readonly ExistingConnection[]>;
  readonly #connectionCapacity: number;
  readonly #connectionQuota: number;
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
    this.#maps = maps;
    this.#records = options.records;
    this.#sets = this.#openSets();
    this.#left = { active: this.generation('active'), staged: this.generation('staged') };
    this.#conntrack = new BpfHashMap(maps.conntrack, 'conntrack');
    this.#conntrackPods = new BpfHashMap(maps.conntrack_pods, 'conntrack_pods');
    this.#connectionCapacity = readBpfMapInfo(maps.conntrack).maxEntries;
    this.#connectionQuota = options.connectionQuota ?? Math.floor(this.#connectionCapacity / 4);
    this.#conntrackRings = new BpfHashMap(maps.conntrack_ring, 'conntrack_ring');
    this.#timeouts = timeouts;
    this.#existingConnections = options.existingConnections ?? (async () => []);
    this.#beforeLoad = options.beforeLoad ?? (async () => {});
    this.#settings.setConnectionQuota(this.#connectionQuota);
    this.#nodeAddresses = new BpfHashMap(maps.node_addresses, 'node_addresses');
    this.#lostVerdicts = new MemoryMapping(
      'the lost verdicts',
      maps.lost_verdicts,
      libbpf_num_possible_cpus() * slots * lostVerdictsSize,
    );
    this.stopLearning();
    this.#settings.setVerdictRate(0, 1);
    this.#verdicts = new RingBufferSubscription(maps.verdicts, 'verdicts', decodeVerdictEvent, (active) =>
      this.#settings.setVerdictRate(active ? verdicts.perSecond : 0, verdicts.burst),
    );
    this.#traceFilters = new BpfArrayMap(maps.trace_filters, 'trace_filters', traceFilterSize);
    this.#traces = new RingBufferSubscription(maps.traces, 'traces', decodeTraceEvent);
    this.setTraceFilters([]);
  }

  /** Takes over the tables as they are in the kernel. */
  #openSets(): Record<RuleSetName, RuleSetLoader> {
    const allocator = new RuleEntryAllocator(() => this.#mapEntries(), ruleMapCapacities.entries);
    const { ipcache, pods, policies, staged_ipcache, staged_pods, staged_policies } = this.#maps;
    const staged = { ipcache: staged_ipcache, pods: staged_pods, policies: staged_policies };
    return {
      active: new RuleSetLoader('active', { ipcache, pods, policies }, this.#settings, allocator),
      staged: new RuleSetLoader('staged', staged, this.#settings, allocator),
    };
  }

  #mapEntries(): ArrayBuffer {
    this.#entries ??= new MemoryMapping(
      'the rule entries',
      this.#maps.rule_entries,
      ruleMapCapacities.entries * ruleEntrySize,
    );
    return this.#entries.buffer;
  }

  foreignChanges(): RuleSetName[] {
    return (['active', 'staged'] as const).filter((set) => this.generation(set) !== this.#left[set]);
  }

  resynchronize(): Promise<void> {
    return this.#loads.run(async () => {
      this.#sets = this.#openSets();
    });
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
    return new Promise((resolve, reject) => {
      // The work itself never fails: the caller gets its errors.
      void this.#loads.run(async () => {
        try {
          await this.#beforeLoad();
          const adopted = request === null ? null : await this.#adoptConnections();
          const loader = this.#sets[set];
          // Written before the switch, so that rules that are evaluated have their record.
          if (request?.record) this.#records?.saveRules(set, loader.nextGeneration, request.record);
          const { result, cleanUp } =
            request === null ? loader.remove() : await loader.load(request, numberOf);
          this.#left[set] = this.generation(set);
          resolve({ ...result, adopted });
          await cleanUp();
          this.#records?.keepRules(set, this.#left[set]);
        } catch (error) {
          reject(error);
        }
      });
    });
  }

  startLearning(): boolean {
    if (this.#evaluates()) return false;
    this.#settings.setFlag('learning', true);
    return true;
  }

  stopLearning(): void {
    this.#settings.setFlag('learning', false);
  }

  #evaluates(): boolean {
    return this.#settings.hasFlag('active') || this.#settings.hasFlag('staged');
  }

  /**
   * Takes over what exists before the first rules: from now on, the programs track connections themselves.
   * @returns the number of connections; null if these are not the first rules
   */
  async #adoptConnections(): Promise<number | null> {
    if (this.#evaluates()) return null;
    const found = await this.#existingConnections();
    this.stopLearning();
    // Programs that still run may add connections.
    await waitForRcuGracePeriod();
    const now = Number(process.hrtime.bigint() / 1_000_000_000n);
    const kinds: Record<number, keyof ConntrackTimeouts> = { 1: 'icmp', 6: 'tcp', 17: 'udp', 58: 'icmp' };
    writeConnections(
      { conntrack: this.#conntrack, rings: this.#conntrackRings, pods: this.#conntrackPods },
      found,
      {
        quota: this.#connectionQuota,
        now,
        expires: (protocol) => now + this.#timeouts[kinds[protocol] ?? 'other'].replied,
      },
    );
    return countAdoptedConnections(this.#conntrack, now);
  }

  hits(set: RuleSetName): RuleEntryHits[] {
    return this.#sets[set].hits();
  }

  connections(owner?: number): TrackedConnection[] {
    return listBpfTrackedConnections(this.#conntrack, owner);
  }

  connectionUse(): ConnectionTableUse {
    const pods = this.#conntrackPods.entries().map(([key, value]) => ({
      owner: key.readUInt32LE(0),
      connections: value.readInt32LE(8),
      evicted: value.readBigUInt64LE(16),
      evictedReplied: value.readBigUInt64LE(24),
      untracked: value.readBigUInt64LE(32),
    }));
    const largest = pods.reduce<(typeof pods)[number] | null>(
      (most, pod) => (pod.connections > (most?.connections ?? 0) ? pod : most),
      null,
    );
    this.#settings.setLargestPod(largest?.owner ?? 0);
    return { capacity: this.#connectionCapacity, quota: this.#connectionQuota, pods };
  }

  forgetPod(owner: number): void {
    const number = Buffer.alloc(4);
    number.writeUInt32LE(owner, 0);
    for (const map of [this.#conntrackRings, this.#conntrack])
      for (const [key] of map.entries()) if (key.readUInt32LE(0) === owner) map.delete(key);
    this.#conntrackPods.delete(number);
  }

  /** Whether what pods begin is evaluated behind the host's NAT. */
  get afterNat(): boolean {
    return this.#settings.hasFlag('afterNat');
  }

  setAfterNat(on: boolean): void {
    this.#settings.setFlag('afterNat', on);
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
    this.#entries?.close();
    this.#lostVerdicts.close();
  }
}

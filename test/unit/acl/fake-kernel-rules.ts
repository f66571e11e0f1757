import { ProblemError } from '../../../contract/problem.ts';
import type { RuleSetName } from '../../../contract/rules.ts';
import type {
  KernelRules,
  RuleEntryHits,
  RuleLoadRequest,
  RuleLoadResult,
} from '../../../server/acl/load/kernel-rules.ts';
import { emptyPolicyTables } from '../../../server/acl/tables/policy-tables.ts';
import { diffPolicyTables } from '../../../server/acl/tables/tables-diff.ts';
import type { PacketTraceFilter, TraceEvent, VerdictEvent } from '../../../server/bpf/packet-events.ts';

interface LoadedSet {
  request: RuleLoadRequest | null;
  generation: number;
  owners: Map<string, number | undefined>;
}

/** Keeps loaded tables in memory; test/kernel/acl tests the kernel maps. */
export class FakeKernelRules implements KernelRules {
  readonly sets: Record<RuleSetName, LoadedSet> = {
    active: { request: null, generation: 0, owners: new Map() },
    staged: { request: null, generation: 0, owners: new Map() },
  };
  /** Error of the next load. */
  nextError: ProblemError | null = null;
  loads = 0;
  hitCounts: RuleEntryHits[] = [];

  async load(
    name: RuleSetName,
    request: RuleLoadRequest | null,
    numberOf: (podId: string) => number | undefined,
  ): Promise<RuleLoadResult> {
    const { nextError } = this;
    this.nextError = null;
    if (nextError) throw nextError;
    this.loads += 1;
    const set = this.sets[name];
    const diff = diffPolicyTables(
      set.request?.tables ?? emptyPolicyTables,
      request?.tables ?? emptyPolicyTables,
    );
    set.request = request;
    set.generation += 1;
    set.owners = new Map([...(request?.tables.pods.keys() ?? [])].map((id) => [id, numberOf(id)]));
    return {
      generation: set.generation,
      written: diff.entryLists.put.length,
      removed: diff.entryLists.remove.length,
      milliseconds: 1,
      adopted: null,
    };
  }

  generation(name: RuleSetName): number | null {
    return this.sets[name].request ? this.sets[name].generation : null;
  }

  /** Whether the kernel learns connections. */
  learning = false;
  startLearning(): boolean {
    this.learning = this.sets.active.request === null && this.sets.staged.request === null;
    return this.learning;
  }
  stopLearning(): void {
    this.learning = false;
  }
  foreignChanges = () => [];
  resynchronize = async () => {};
  nextEntryList = () => 1;
  hits = () => this.hitCounts;
  connections = () => [];
  forgetPod = () => undefined;

  connectionUse = () => ({ capacity: 65_536, quota: 16_384, pods: [] });

  setNodeAddresses = () => {};
  /** Publishes events to the subscriber. */
  publishVerdicts: (events: readonly VerdictEvent[]) => void = () => {};
  publishTraces: (events: readonly TraceEvent[]) => void = () => {};
  traceFilters: readonly PacketTraceFilter[] = [];
  onVerdicts(listener: (events: readonly VerdictEvent[]) => void): () => void {
    this.publishVerdicts = listener;
    return () => {};
  }
  lostVerdicts = () => [];
  setTraceFilters(filters: readonly PacketTraceFilter[]): void {
    this.traceFilters = filters;
  }
  onTraceEvents(listener: (events: readonly TraceEvent[]) => void): () => void {
    this.publishTraces = listener;
    return () => {};
  }
  lostTraces = () => 0n;
}

export const noRoom = () =>
  new ProblemError('rules_too_large', 'write rule_entries: the map is full (E2BIG)', { hint: 'Use fewer.' });

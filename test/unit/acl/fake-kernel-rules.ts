import { ProblemError } from '../../../contract/problem.ts';
import type {
  EntryHits,
  Loaded,
  LoadRequest,
  RuleKernel,
  RuleSetName,
  TraceEvent,
  TraceFilter,
  VerdictEvent,
} from '../../../server/acl/load/kernel-rules.ts';
import { diffTables, noTables } from '../../../server/acl/tables/policy-tables.ts';

interface Set {
  request: LoadRequest | null;
  generation: number;
  owners: Map<string, number | undefined>;
}

/** Keeps what it is given, where the kernel's maps would be; those are the subject of test/kernel/acl. */
export class ScratchKernel implements RuleKernel {
  readonly sets: Record<RuleSetName, Set> = {
    active: { request: null, generation: 0, owners: new Map() },
    draft: { request: null, generation: 0, owners: new Map() },
  };
  /** What the next load is refused with. */
  refuse: ProblemError | null = null;
  loads = 0;
  counted: EntryHits[] = [];

  async load(
    name: RuleSetName,
    request: LoadRequest | null,
    numberOf: (podId: string) => number | undefined,
  ): Promise<Loaded> {
    const { refuse } = this;
    this.refuse = null;
    if (refuse) throw refuse;
    this.loads += 1;
    const set = this.sets[name];
    const diff = diffTables(set.request?.tables ?? noTables, request?.tables ?? noTables);
    set.request = request;
    set.generation += 1;
    set.owners = new Map([...(request?.tables.pods.keys() ?? [])].map((id) => [id, numberOf(id)]));
    return {
      generation: set.generation,
      written: diff.rows.put.length,
      removed: diff.rows.remove.length,
      milliseconds: 1,
    };
  }

  generation(name: RuleSetName): number | null {
    return this.sets[name].request ? this.sets[name].generation : null;
  }

  nextRow = () => 1;
  hits = () => this.counted;
  connections = () => [];
  setNodeAddresses = () => {};
  /** Who listens to verdicts, and to traces. */
  tellVerdicts: (events: readonly VerdictEvent[]) => void = () => {};
  tellTraces: (events: readonly TraceEvent[]) => void = () => {};
  traced: readonly TraceFilter[] = [];
  onVerdicts(listener: (events: readonly VerdictEvent[]) => void): () => void {
    this.tellVerdicts = listener;
    return () => {};
  }
  lost = () => [];
  setTraces(filters: readonly TraceFilter[]): void {
    this.traced = filters;
  }
  onTraces(listener: (events: readonly TraceEvent[]) => void): () => void {
    this.tellTraces = listener;
    return () => {};
  }
  lostTraces = () => 0n;
}

export const noRoom = () =>
  new ProblemError('rules_too_large', 'write rows: the map is full (E2BIG)', { hint: 'Use fewer.' });

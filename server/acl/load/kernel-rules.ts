import type { Direction } from '../../../contract/direction.ts';
import type { TraceEvent, TraceFilter, VerdictEvent } from '../../bpf/rule-events.ts';
import type { connectionStates } from '../../bpf/rule-layout.ts';
import type { RowEntry, Tables } from '../tables/policy-tables.ts';

export type { TraceEvent, TraceFilter, VerdictEvent };

/** What judges, and what is tried out beside it: the draft is only reported on, never enforced. */
export type RuleSetName = 'active' | 'draft';

/** Tables for the kernel. */
export interface LoadRequest {
  tables: Tables;
  /** What happens to packets of pods that the tables do not know yet, as the rule set's defaults have it. */
  defaults: Readonly<Record<Direction, 'allow' | 'deny'>>;
}

export interface Loaded {
  /** Of the set, one more at each load; connections that were judged by another one are judged again. */
  generation: number;
  /** Entries of maps, new or changed. */
  written: number;
  /** Entries that nobody needs any more; they go once no packet is judged by the old tables. */
  removed: number;
  /** From the call to the switch. */
  milliseconds: number;
}

/** How often an entry decided: packets that began a connection, or that belong to none. */
export interface EntryHits extends Pick<RowEntry, 'protocol' | 'port' | 'length' | 'rule' | 'log'> {
  row: number;
  hits: bigint;
}

export type ConnectionState = (typeof connectionStates)[number];

/** A connection that passed. */
export interface TrackedConnection {
  /** Number of the pod. */
  owner: number;
  /** IP protocol number; 1 for ICMP and 58 for ICMPv6, of which only echo and other queries are tracked. */
  protocol: number;
  peer: string;
  /** Of the pod's end; of ICMP queries the identifier, at the end that began. */
  podPort: number;
  /** Of the peer's end; of ICMP queries `type << 8`, at the end that answers. */
  peerPort: number;
  begunBy: 'pod' | 'peer';
  state: ConnectionState;
  /** Number of the rule that let it pass; 0: the default, or it is the node's own. */
  rule: number;
  /** What the draft says: null where there was none. */
  draft: { verdict: 'allow' | 'deny'; rule: number } | null;
  /** Seconds until it is forgotten, when nothing more comes. */
  expiresIn: number;
}

/** Verdict events that a slot's programs did not send, since they were loaded. */
export interface LostVerdicts {
  slot: number;
  /** Over the rate. */
  limited: bigint;
  /** The ring buffer was full. */
  full: bigint;
}

/** The kernel's access rules, as `RuleLoader` gives them. */
export interface RuleKernel {
  /**
   * Makes the kernel judge by other tables: everything is written beside what judges, then the generation is switched
   * by one write, so that no packet meets a part of either. Loads of both sets wait for each other.
   * @param request null: the set is taken away
   * @param numberOf the pod's number, by id; a pod without one is left out
   * @throws ProblemError `rules_too_large` when a map has no room: the old tables go on
   */
  load(
    set: RuleSetName,
    request: LoadRequest | null,
    numberOf: (podId: string) => number | undefined,
  ): Promise<Loaded>;
  /** The generation that judges; null: there is no such set. */
  generation(set: RuleSetName): number | null;
  /** Behind all row numbers that were loaded as this set: for `nothing(nextRow)` where there are no last tables. */
  nextRow(set: RuleSetName): number;
  /** Of every entry, the hits since it is in the kernel. */
  hits(set: RuleSetName): EntryHits[];
  /** Connections that are not forgotten yet, of one pod or of all. */
  connections(owner?: number): TrackedConnection[];
  /** The host's own addresses: what comes from them towards pods is not judged, and answers pass. */
  setNodeAddresses(addresses: readonly string[]): void;
  /** Listens to verdicts; the answer ends it. */
  onVerdicts(listener: (events: readonly VerdictEvent[]) => void): () => void;
  /** Of slots that lost any. */
  lost(): LostVerdicts[];
  /** At most 4; none: nothing is traced. */
  setTraces(filters: readonly TraceFilter[]): void;
  /** Listens to trace events; the answer ends it. */
  onTraces(listener: (events: readonly TraceEvent[]) => void): () => void;
  /** Trace events that found the ring buffer full, since the programs were loaded. */
  lostTraces(): bigint;
}

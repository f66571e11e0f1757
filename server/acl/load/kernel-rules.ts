import type { Direction } from '../../../contract/direction.ts';
import type { RuleSetName } from '../../../contract/rules.ts';
import type { TraceEvent, TraceFilter, VerdictEvent } from '../../bpf/rule-events.ts';
import type { conntrackStates } from '../../bpf/rule-layout.ts';
import type { PolicyTableEntry, PolicyTables } from '../tables/policy-tables.ts';

/** Tables to load into the kernel. */
export interface RuleLoadRequest {
  tables: PolicyTables;
  /** Default actions of the rule set, applied to packets of pods that the tables do not know yet. */
  defaults: Readonly<Record<Direction, 'allow' | 'deny'>>;
}

export interface RuleLoadResult {
  /** Rises by one with each load of the rule set; packets of connections of another generation are re-evaluated. */
  generation: number;
  /** Map elements written, new or changed. */
  written: number;
  /** Map elements that are removed once no packet is evaluated by the old tables. */
  removed: number;
  /** Time from the call to the switch. */
  milliseconds: number;
}

/** Packets that an entry decided: those that opened a connection or belong to none. */
export interface RuleEntryHits
  extends Pick<PolicyTableEntry, 'protocol' | 'port' | 'length' | 'rule' | 'log'> {
  entryList: number;
  hits: bigint;
}

export type ConntrackState = (typeof conntrackStates)[number];

/** A connection that the rules allowed. */
export interface TrackedConnection {
  /** Number of the pod. */
  owner: number;
  /** IP protocol number; 1 for ICMP and 58 for ICMPv6, of which only echo and other queries are tracked. */
  protocol: number;
  peer: string;
  /** Port of the pod; for ICMP queries of the pod the identifier. */
  podPort: number;
  /** Port of the peer; for ICMP queries to the peer `type << 8`. */
  peerPort: number;
  initiator: 'pod' | 'peer';
  state: ConntrackState;
  /** Number of the rule that allowed it; 0: the default action, or the node itself is the initiator. */
  rule: number;
  /** Verdict of the staged rules; null where none are staged. */
  staged: { verdict: 'allow' | 'deny'; rule: number } | null;
  /** Seconds until the connection expires if no packet follows. */
  expiresIn: number;
}

/** Verdict events that a slot's programs did not send, since the maps were created. */
export interface LostVerdictEvents {
  slot: number;
  /** Events over the slot's rate. */
  rateLimited: bigint;
  /** Events that found the ring buffer full. */
  bufferFull: bigint;
}

/** Access rules in the kernel, implemented by `RuleLoader`. */
export interface KernelRules {
  /**
   * Replaces the tables of a rule set. Everything is written beside the current tables, then one write switches the
   * generation, so that no packet is evaluated by a mixture. Loads of both rule sets run one after the other.
   * @param request null removes the rule set
   * @param numberOf number of a pod by its id; pods without one are left out
   * @throws ProblemError `rules_too_large` when a map has no room; the old tables stay
   */
  load(
    set: RuleSetName,
    request: RuleLoadRequest | null,
    numberOf: (podId: string) => number | undefined,
  ): Promise<RuleLoadResult>;
  /** Returns the rule set's generation; null where there is no such rule set. */
  generation(set: RuleSetName): number | null;
  /** Returns a number above those of all entry lists loaded for the rule set, for `noPreviousCompile`. */
  nextEntryList(set: RuleSetName): number;
  /** Returns the hits of every entry since it was written. */
  hits(set: RuleSetName): RuleEntryHits[];
  /** Returns the connections that have not expired, of one pod or of all. */
  connections(owner?: number): TrackedConnection[];
  /** Sets the node's own addresses: packets from them to pods are allowed without an evaluation, and so are replies. */
  setNodeAddresses(addresses: readonly string[]): void;
  /** Subscribes to verdict events. @returns a function that ends the subscription */
  onVerdicts(listener: (events: readonly VerdictEvent[]) => void): () => void;
  /** Returns the slots that lost verdict events. */
  lostVerdicts(): LostVerdictEvents[];
  /** Replaces the trace filters, at most 4; an empty list disables tracing. */
  setTraceFilters(filters: readonly TraceFilter[]): void;
  /** Subscribes to trace events. @returns a function that ends the subscription */
  onTraceEvents(listener: (events: readonly TraceEvent[]) => void): () => void;
  /** Returns how many trace events found the ring buffer full, since the maps were created. */
  lostTraces(): bigint;
}

import type { Direction } from '../../../contract/direction.ts';
import type { RuleSetName } from '../../../contract/rules.ts';
import type { PacketTraceFilter, TraceEvent, VerdictEvent } from '../../bpf/rule-events.ts';
import type { conntrackStates } from '../../bpf/rule-layout.ts';
import type { PolicyTableEntry, PolicyTables } from '../tables/policy-tables.ts';

/** Policy tables to load into the kernel, with the default actions. */
export interface RuleLoadRequest {
  tables: PolicyTables;
  /** Default actions of the rule set for packets of pods that are not in the tables yet. */
  defaults: Readonly<Record<Direction, 'allow' | 'deny'>>;
}

export interface RuleLoadResult {
  /** Generation of the rule set, incremented by each load; connections of older generations are re-evaluated. */
  generation: number;
  /** Number of new or changed map elements that the load wrote. */
  written: number;
  /** Number of map elements that are removed after the switch to the new tables. */
  removed: number;
  /** Time from the call until the kernel used the new tables, in ms. */
  milliseconds: number;
}

/** Number of packets that a policy table entry decided; packets of tracked connections are not counted. */
export interface RuleEntryHits
  extends Pick<PolicyTableEntry, 'protocol' | 'port' | 'length' | 'rule' | 'log'> {
  entryList: number;
  hits: bigint;
}

export type ConntrackState = (typeof conntrackStates)[number];

/** A tracked connection that the access rules allowed. */
export interface TrackedConnection {
  /** Number of the pod that the connection belongs to. */
  owner: number;
  /** IP protocol number; for ICMP (1) and ICMPv6 (58), only echo and other queries are tracked. */
  protocol: number;
  peer: string;
  /** Port of the pod; the identifier for ICMP queries that the pod sends. */
  podPort: number;
  /** Port of the peer; `type << 8` for ICMP queries that the peer receives. */
  peerPort: number;
  initiator: 'pod' | 'peer';
  state: ConntrackState;
  /** Number of the rule that allowed the connection; 0 for the default action or a connection from the node itself. */
  rule: number;
  /** Verdict of the staged rules on the connection; null if no rules are staged. */
  staged: { verdict: 'allow' | 'deny'; rule: number } | null;
  /** Seconds until the connection expires without further packets. */
  expiresIn: number;
}

/** Number of verdict events of a slot that were lost since the maps were created. */
export interface LostVerdictEvents {
  slot: number;
  /** Number of events dropped by the slot's rate limit. */
  rateLimited: bigint;
  /** Number of events lost because the ring buffer was full. */
  bufferFull: bigint;
}

/** Interface of the access rules in the kernel, implemented by `RuleLoader`. */
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
  /** Returns the generation of a loaded rule set; null if the rule set is not loaded. */
  generation(set: RuleSetName): number | null;
  /** Returns the first entry list number that is unused in the kernel, for `createEmptyPreviousRuleCompilation`. */
  nextEntryList(set: RuleSetName): number;
  /** Returns the number of hits of each policy table entry since the entry was written. */
  hits(set: RuleSetName): RuleEntryHits[];
  /** Returns the tracked connections of one pod or of all pods, without expired ones. */
  connections(owner?: number): TrackedConnection[];
  /** Sets the node's addresses. Packets from them to pods, and their replies, are allowed without evaluation. */
  setNodeAddresses(addresses: readonly string[]): void;
  /** Subscribes to verdict events. @returns a function that ends the subscription */
  onVerdicts(listener: (events: readonly VerdictEvent[]) => void): () => void;
  /** Returns the number of lost verdict events of each slot that lost any. */
  lostVerdicts(): LostVerdictEvents[];
  /** Replaces the packet trace filters, of which there may be 4; an empty list disables tracing. */
  setTraceFilters(filters: readonly PacketTraceFilter[]): void;
  /** Subscribes to trace events. @returns a function that ends the subscription */
  onTraceEvents(listener: (events: readonly TraceEvent[]) => void): () => void;
  /** Returns the number of trace events lost because the ring buffer was full, since the maps were created. */
  lostTraces(): bigint;
}

import type { Direction } from '../../../contract/direction.ts';
import type { RuleSetName } from '../../../contract/rules.ts';
import type { PacketTraceFilter, TraceEvent, VerdictEvent } from '../../bpf/packet-events.ts';
import type { conntrackStates } from '../../bpf/rule-layout.ts';
import type { RuleVersionRecord, StagedRulesRecord } from '../../store/records.ts';
import type { PolicyTableEntry, PolicyTables } from '../tables/policy-tables.ts';

/** Policy tables to load into the kernel, with the default actions. */
export interface RuleLoadRequest {
  tables: PolicyTables;
  /** Default actions of the rule set for packets of pods that are not in the tables yet. */
  defaults: Readonly<Record<Direction, 'allow' | 'deny'>>;
  /** Record of the rule set in the store, kept in the kernel beside the tables. */
  record?: RuleVersionRecord | StagedRulesRecord;
}

/** Keeps the records of loaded rule sets in the kernel, by generation. */
export interface RuleRecordKeeper {
  saveRules(set: RuleSetName, generation: number, record: RuleVersionRecord | StagedRulesRecord): void;
  /** Removes the records of all other generations; null removes all. */
  keepRules(set: RuleSetName, generation: number | null): void;
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
  /** Number of connections that existed and were taken over; null if rules were loaded already. */
  adopted: number | null;
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
  /** End that began it; `unknown` for a connection that existed before the rules and was not evaluated since. */
  initiator: 'pod' | 'peer' | 'unknown';
  /** Other end that rules see where the host translates it: behind a service, or before masquerading; else null. */
  realPeer: { address: string; port: number } | null;
  state: ConntrackState;
  /** Number of the rule that allowed the connection; 0 for the default action or a connection from the node itself. */
  rule: number;
  /** Verdict of the staged rules on the connection; null if no rules are staged. */
  staged: { verdict: 'allow' | 'deny'; rule: number } | null;
  /** Seconds until the connection expires without further packets. */
  expiresIn: number;
}

/** Use of the connection table by a pod. */
export interface PodConnectionUse {
  /** Number of the pod. */
  owner: number;
  /** Tracked connections, expired ones included until their place is needed. */
  connections: number;
  /** Connections that made room for others, since the maps were created; `evictedReplied` is part of it. */
  evicted: bigint;
  evictedReplied: bigint;
  /** Connections that were allowed and not tracked, since there was no room. */
  untracked: bigint;
}

/** Use of the connection table. */
export interface ConnectionTableUse {
  capacity: number;
  /** Maximum number of connections of one pod. */
  quota: number;
  pods: PodConnectionUse[];
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
  /**
   * Has the programs record the connections of pods while everything passes, for the first rules that are loaded, which
   * end this.
   * @returns false while rules are evaluated, which records connections itself
   */
  startLearning(): boolean;
  stopLearning(): void;
  /**
   * Names the rule sets whose generation or flag in the kernel is not what the last load left: another process changed
   * them.
   */
  foreignChanges(): RuleSetName[];
  /** Reads all tables from the kernel again, after another process changed them. The next load writes what differs. */
  resynchronize(): Promise<void>;
  /** Returns the generation of a loaded rule set; null if the rule set is not loaded. */
  generation(set: RuleSetName): number | null;
  /** Returns the first entry list number that is unused in the kernel, for `createEmptyPreviousRuleCompilation`. */
  nextEntryList(set: RuleSetName): number;
  /** Returns the number of hits of each policy table entry since the entry was written. */
  hits(set: RuleSetName): RuleEntryHits[];
  /** Returns the tracked connections of one pod or of all pods, without expired ones. */
  connections(owner?: number): TrackedConnection[];
  /** Reads how full the connection table is, and tells the programs which pod gives way first. */
  connectionUse(): ConnectionTableUse;
  /** Removes the connections of a pod that has left the node. @param owner the pod's number */
  forgetPod(owner: number): void;
  /** Sets the node's addresses: a connection from one that the node did not begin is of an unknown peer. */
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

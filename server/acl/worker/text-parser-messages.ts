import type { Problem } from '../../../contract/problem.ts';
import type { RuleSet } from '../../../contract/rule-set.ts';
import type { ClusterPolicy } from '../cluster/cluster-policy.ts';
import type { SelectablePod } from '../spec/pod-matching.ts';
import type { SubmittedText } from './parsed-text.ts';

/** What an import is compiled for and compared with. */
export interface ImportContext {
  pods: readonly SelectablePod[];
  /** Addresses of the node, for the peer `node`. */
  nodeAddresses: readonly string[];
  /** NetworkPolicies of the cluster, and pods of other nodes. */
  cluster: { policies: readonly ClusterPolicy[]; peers: readonly SelectablePod[] };
  /** The active rules, or null if there are none. */
  active: RuleSet | null;
}

/** Request to the thread that parses texts. */
export type TextParserRequest =
  | { method: 'parse'; submitted: SubmittedText }
  | { method: 'import'; submitted: SubmittedText; context: ImportContext };

/** Response of the thread that parses texts. */
export type TextParserResponse = { value: unknown } | { problem: Problem } | { error: unknown };

import { ProblemError } from '../../../contract/problem.ts';
import { type Rule, type RulePeer, ruleSchema } from '../../../contract/rule-set.ts';
import { convertNetworkPolicies } from '../spec/network-policy.ts';
import { readNetworkPolicies } from '../spec/network-policy-list.ts';
import { matchesRuleSubject, type SelectablePod } from '../spec/pod-matching.ts';

/** A NetworkPolicy of a cluster, with the rules that it stands for. */
export interface ClusterPolicy {
  /** `namespace/name` */
  key: string;
  namespace: string;
  uid: string;
  /** Number of the policy's content, which rises with each change of it. */
  generation: number;
  rules: readonly Rule[];
}

/**
 * Converts the specification of a NetworkPolicy to rules.
 * @param spec as the API server returns it
 * @throws ProblemError `bad_rules` if it is not understood
 */
export function readClusterPolicy(namespace: string, name: string, spec: unknown): Rule[] {
  const object = {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { namespace, name },
    spec,
  };
  const { policies, errors } = readNetworkPolicies([{ value: object, lineOf: () => 1 }]);
  if (errors.length > 0) {
    const shown = errors.slice(0, 3).map(({ path, message }) => `${path}: ${message}`);
    const more = errors.length > shown.length ? ` (and ${errors.length - shown.length} more)` : '';
    throw new ProblemError(
      'bad_rules',
      `read NetworkPolicy ${namespace}/${name}: ${shown.join('; ')}${more}`,
      { hint: 'This version of Podlane does not understand it: what was applied of it before still is.' },
    );
  }
  return convertNetworkPolicies(policies).map(({ rule }) => ruleSchema.parse(rule));
}

/** Returns true if a policy isolates one of the pods, which are those of its namespace. */
export const isPolicyOfPods = ({ rules }: ClusterPolicy, pods: readonly SelectablePod[]): boolean =>
  rules.some(({ subject }) => pods.some((pod) => matchesRuleSubject(subject, pod)));

/** Returns true if what rules decide depends on pods that may be on other nodes. */
export const needPeers = (rules: readonly Rule[]): boolean =>
  rules.some(
    ({ peers, ports, direction }) =>
      peers.some(selectsPods) || (direction === 'egress' && ports.some((port) => 'name' in port)),
  );

const selectsPods = (peer: RulePeer): boolean => 'pods' in peer;

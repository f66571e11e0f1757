import type { Direction } from '../../../contract/direction.ts';
import { type LabelSelector, namespaceNameLabel, type RuleSetInput } from '../../../contract/rule-set.ts';
import type { ValuePath } from './located-document.ts';
import type { LocatedNetworkPolicy } from './network-policy-list.ts';
import type { NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort } from './network-policy-schema.ts';

type RuleInput = RuleSetInput['rules'][number];

/** A rule of a NetworkPolicy. */
export interface ConvertedRule {
  rule: RuleInput;
  line: number;
  /** True for a rule that no line of the policy states: what isolation denies, and the node that it leaves. */
  implied: boolean;
  /** What to tell the policy's author about the line. */
  notes: string[];
}

// Policies are additive and only allow; a pod that one of them selects is denied everything else in that direction.
const allowPriority = 1000;
const denyPriority = 2000;
const everything: LabelSelector = { matchLabels: {}, matchExpressions: [] };

/**
 * Converts NetworkPolicies to rules: one for each of their rules and protocols, and after them one that denies the
 * rest. The pod's own node stays reachable (kubernetes.io/docs/concepts/services-networking/network-policies). Of
 * policies with one name the last one holds, as with `kubectl apply`.
 */
export function convertNetworkPolicies(policies: readonly LocatedNetworkPolicy[]): ConvertedRule[] {
  const last = new Map<string, { located: LocatedNetworkPolicy; before: LocatedNetworkPolicy | null }>();
  for (const located of policies)
    last.set(located.key, { located, before: last.get(located.key)?.located ?? null });
  return [...last.values()].flatMap(({ located, before }) => {
    const [first, ...rest] = convertPolicy(located);
    if (!first || !before) return first ? [first, ...rest] : [];
    const note = `policy ${located.key} is in the text again: this one replaces the one of line ${before.lineOf([])}`;
    return [{ ...first, notes: [note, ...first.notes] }, ...rest];
  });
}

/** Returns the directions in which a policy isolates, an empty list of types being as a missing one (defaults.go). */
function isolatedDirections({ policyTypes, egress }: NetworkPolicy['spec']): readonly Direction[] {
  if (policyTypes && policyTypes.length > 0)
    return (['ingress', 'egress'] as const).filter((direction) =>
      policyTypes.includes(direction === 'ingress' ? 'Ingress' : 'Egress'),
    );
  return egress && egress.length > 0 ? ['ingress', 'egress'] : ['ingress'];
}

function convertPolicy({ policy, key, lineOf }: LocatedNetworkPolicy): ConvertedRule[] {
  const { spec } = policy;
  const namespace = policy.metadata.namespace ?? 'default';
  const selector = spec.podSelector ?? everything;
  const subject = { selector, namespace, ...ownLabels(selector) };
  const rulesOf = {
    ingress: (spec.ingress ?? []).map(({ from, ports }) => ({ peers: from, ports })),
    egress: (spec.egress ?? []).map(({ to, ports }) => ({ peers: to, ports })),
  };
  return isolatedDirections(spec).flatMap((direction) => {
    const shared = { direction, subject };
    const allowed = rulesOf[direction].flatMap(({ peers, ports }, index) =>
      splitByProtocol(ports).map(
        (matched): ConvertedRule => ({
          rule: {
            ...shared,
            ...matched,
            action: 'allow',
            priority: allowPriority,
            name: `${key} ${direction} ${index + 1}${matched.protocol === 'any' ? '' : ` ${matched.protocol}`}`,
            peers: (peers ?? []).map((peer) => convertPeer(peer, namespace)),
          },
          line: lineOf(['spec', direction, index]),
          implied: false,
          notes: (peers ?? []).flatMap(({ ipBlock }) => ipBlock?.ambiguous ?? []),
        }),
      ),
    );
    const imply = (name: string, rule: Pick<RuleInput, 'action' | 'priority' | 'peers'>): ConvertedRule => ({
      rule: { ...shared, ...rule, name: `${key} ${direction} ${name}` },
      line: lineOf(impliedBy),
      implied: true,
      notes: [],
    });
    const impliedBy: ValuePath = ['spec'];
    const node = imply('node', { action: 'allow', priority: allowPriority, peers: [{ node: true }] });
    const rest = imply('rest', { action: 'deny', priority: denyPriority });
    return direction === 'egress' ? [...allowed, node, rest] : [...allowed, rest];
  });
}

/** Returns the term that has a selector read a pod's own label of the name that the namespace's label has. */
function ownLabels({ matchLabels, matchExpressions }: LabelSelector) {
  const named =
    Object.hasOwn(matchLabels, namespaceNameLabel) ||
    matchExpressions.some(({ key }) => key === namespaceNameLabel);
  return named ? { namespaces: everything } : {};
}

/**
 * Converts a NetworkPolicy peer: podSelector alone selects pods in the policy's namespace, namespaceSelector alone all
 * pods of the selected namespaces.
 */
function convertPeer({ ipBlock, podSelector, namespaceSelector }: NetworkPolicyPeer, namespace: string) {
  if (ipBlock) return { cidr: ipBlock.cidr, except: ipBlock.except };
  const pods = podSelector ?? everything;
  return namespaceSelector
    ? { pods, namespaces: namespaceSelector }
    : { pods, namespace, ...ownLabels(pods) };
}

function splitByProtocol(ports: readonly NetworkPolicyPort[] | null | undefined) {
  if (!ports || ports.length === 0) return [{ protocol: 'any' as const }];
  const protocols = [...new Set(ports.map(({ protocol }) => protocol))];
  return protocols.map((protocol) => {
    const own = ports.filter((each) => each.protocol === protocol);
    const ranges = own.map(({ port, endPort }) =>
      typeof port === 'string' ? { name: port } : { from: Number(port), to: endPort ?? undefined },
    );
    return {
      protocol: protocol.toLowerCase() as 'tcp' | 'udp' | 'sctp',
      // A port entry without a number means all ports.
      ports: own.some(({ port }) => port === undefined || port === null) ? [] : ranges,
    };
  });
}

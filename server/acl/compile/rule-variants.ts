import { cidrContainsAddress, parseAddress, parseCidr } from '../../../contract/cidr.ts';
import { ProblemError } from '../../../contract/problem.ts';
import type { PortRange, Rule, RulePeer, RulePort } from '../../../contract/rule-set.ts';
import { matchesRuleSubject, type SelectablePod } from '../spec/pod-matching.ts';
import type { LargestRule } from '../tables/policy-table-limits.ts';
import type { IpBlock } from './identities.ts';
import { noRuleOrder } from './port-ranges.ts';

/**
 * Most sets of numbers that the named ports of one rule stand for. Where pods have given a name to more, a rule that allows
 * does not hold for the rest of them, and one that denies holds for all their ports.
 */
export const maxPortSets = 128;

/** What a rule says for some of its pods or peers, once its named ports are numbers. */
export interface RuleVariant {
  rule: Rule;
  /** Index of the rule in the rule set, from 0. */
  index: number;
  /** Tells the variants of a rule apart; empty if the rule names no port. */
  key: string;
  /** Destination ports, any of these; empty: all. */
  ports: readonly PortRange[];
  /** Ids of the pods that it applies to; null: all that the subject selects. */
  pods: ReadonlySet<string> | null;
  /** Addresses of the peers that have these ports; null: all peers of the rule. */
  addresses: readonly string[] | null;
}

/** What variants are made for. */
export interface VariantContext {
  /** Pods of the node, which are subjects of rules. */
  pods: readonly SelectablePod[];
  /** Lists the pods that a peer term selects; those of all terms for a rule that has none. */
  podsOf(peer: RulePeer | null): readonly SelectablePod[];
}

/** Refuses more variants than have a place in the evaluation order. @throws ProblemError `rules_too_large` */
export function checkVariantLimit(
  variants: readonly RuleVariant[],
  findLargest: (count: (rule: Rule) => number) => LargestRule | undefined,
): void {
  if (variants.length < noRuleOrder) return;
  const byRule = Map.groupBy(variants, ({ rule }) => rule.name);
  const largest = findLargest(({ name }) => byRule.get(name)?.length ?? 0);
  throw new ProblemError(
    'rules_too_large',
    `the named ports of the rules stand for ${variants.length} sets of numbers, the limit is ${noRuleOrder - 1}; rule ${JSON.stringify(largest?.name)} has ${largest?.count ?? 0} of them`,
    { hint: 'Give a port of the same name the same number in more pods, or use numbers in the rules.' },
  );
}

const isNumbered = (port: RulePort): port is PortRange => !('name' in port);

/**
 * Returns the variants of a rule: one if it names no port. A named port is that of the pod that receives the packet: of the
 * rule's own pods for ingress, of its peers for egress. Where no pod has it, nothing is left of it.
 */
export function listRuleVariants(rule: Rule, index: number, context: VariantContext): RuleVariant[] {
  const names = new Set(rule.ports.flatMap((port) => ('name' in port ? [port.name] : [])));
  const numbered = rule.ports.filter(isNumbered);
  const variant = { rule, index, pods: null, addresses: null };
  if (names.size === 0) return [{ ...variant, key: '', ports: numbered }];
  if (rule.direction === 'ingress')
    return groupByPorts(
      context.pods.filter((pod) => matchesRuleSubject(rule.subject, pod)),
      rule,
      names,
    ).flatMap(({ key, ports, pods }) =>
      numbered.length + ports.length === 0
        ? []
        : {
            ...variant,
            key: key || '-',
            ports: [...numbered, ...ports],
            pods: new Set(pods.map(({ id }) => id)),
          },
    );
  const base = numbered.length === 0 ? [] : [{ ...variant, key: '', ports: numbered }];
  const peers = rule.peers.length === 0 ? [null] : rule.peers;
  const selected = new Map<SelectablePod, Set<string>>();
  for (const peer of peers)
    for (const pod of context.podsOf(peer)) {
      const addresses = selected.get(pod) ?? new Set();
      for (const address of pod.addresses) if (isWithin(address, peer)) addresses.add(address);
      selected.set(pod, addresses);
    }
  const groups = groupByPorts([...selected.keys()], rule, names).filter(({ ports }) => ports.length > 0);
  return [
    ...base,
    ...groups.map(({ key, ports, pods }) => ({
      ...variant,
      key,
      ports,
      addresses: pods.flatMap((pod) => [...(selected.get(pod) ?? [])]),
    })),
  ];
}

/** Returns true unless the term is a CIDR that does not have the address of a pod. */
function isWithin(address: string, peer: RulePeer | null): boolean {
  if (peer === null || !('cidr' in peer)) return true;
  const parsed = parseAddress(address.replace(/\/.*/, ''));
  const { cidr, except }: IpBlock = { cidr: parseCidr(peer.cidr), except: peer.except.map(parseCidr) };
  return cidrContainsAddress(cidr, parsed) && !except.some((part) => cidrContainsAddress(part, parsed));
}

/** Groups pods by the numbers that they give to the names, in the order of the numbers. */
function groupByPorts(
  pods: readonly SelectablePod[],
  { protocol, action }: Rule,
  names: ReadonlySet<string>,
): PortGroup[] {
  const groups = new Map<string, PortGroup>();
  const rest: PortGroup = { key: '*', ports: [{ from: 0, to: 65_535 }], pods: [] };
  for (const pod of pods) {
    const numbers = new Set(
      (pod.ports ?? [])
        .filter((port) => port.protocol === protocol && names.has(port.name))
        .map(({ port }) => port),
    );
    const sorted = [...numbers].sort((a, b) => a - b);
    const key = sorted.join();
    const group = groups.get(key);
    if (group) group.pods.push(pod);
    else if (groups.size < maxPortSets)
      groups.set(key, { key, ports: sorted.map((from) => ({ from })), pods: [pod] });
    else rest.pods.push(pod);
  }
  const found = [...groups.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
  return action === 'deny' && rest.pods.length > 0 ? [...found, rest] : found;
}

/** Pods that give the same numbers to the names of a rule. */
interface PortGroup {
  key: string;
  ports: PortRange[];
  pods: SelectablePod[];
}

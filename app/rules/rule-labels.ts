import type { LabelSelector, Rule, RulePeer, RuleSubject } from '../../contract/rule-set.ts';
import { rulesText } from './text.ts';

/** Formats a label selector, e.g. `app=cart, tier in (web, api)`; an empty selector is `all pods`. */
export function formatLabelSelector({ matchLabels, matchExpressions }: LabelSelector): string {
  const words = [
    ...Object.entries(matchLabels).map(([key, value]) => `${key}=${value}`),
    ...matchExpressions.map(({ key, operator, values }) => {
      if (operator === 'Exists') return key;
      if (operator === 'DoesNotExist') return `no ${key}`;
      return `${key} ${operator === 'In' ? 'in' : 'not in'} (${values.join(', ')})`;
    }),
  ];
  return words.length === 0 ? rulesText.allPods : words.join(', ');
}

const within = (what: string, namespace: string | undefined): string =>
  namespace === undefined ? what : rulesText.inNamespace(what, namespace);

function formatPods(
  pods: LabelSelector,
  { namespace, namespaces }: { namespace?: string | undefined; namespaces?: LabelSelector | undefined },
): string {
  const labels = formatLabelSelector(namespaces ?? { matchLabels: {}, matchExpressions: [] });
  const among = labels === rulesText.allPods ? undefined : labels;
  return within(within(formatLabelSelector(pods), namespace), among);
}

/**
 * Formats the pods that a rule selects, e.g. `shop.cart`, `app=cart in namespace shop`, `namespace shop` or `all
 * pods`.
 */
export function formatRuleSubject(subject: RuleSubject): string {
  if ('pod' in subject) return subject.pod;
  if ('selector' in subject) return formatPods(subject.selector, subject);
  return 'namespace' in subject ? rulesText.namespace(subject.namespace) : rulesText.allPods;
}

/** Formats a peer of a rule, e.g. `10.0.0.0/8 except 10.1.0.0/16`. */
export function formatRulePeer(peer: RulePeer): string {
  if ('node' in peer) return rulesText.node;
  if ('pods' in peer) return formatPods(peer.pods, peer);
  return peer.except.length === 0 ? peer.cidr : rulesText.cidrExcept(peer.cidr, peer.except.join(', '));
}

/** Formats all peers of a rule; `any` if the rule names none. */
export const formatRulePeers = (peers: readonly RulePeer[]): string =>
  peers.length === 0 ? rulesText.anyPeer : peers.map(formatRulePeer).join('; ');

/** Formats the protocol and ports of a rule, e.g. `tcp 80, 8000–8100`, `icmp 8`, `udp` or `any`. */
export function formatRulePorts({
  protocol,
  ports,
  icmp,
}: Pick<Rule, 'protocol' | 'ports' | 'icmp'>): string {
  const parts =
    protocol === 'icmp'
      ? icmp.map(({ type, code }) => (code === undefined ? `${type}` : `${type}/${code}`))
      : ports.map((port) => ('name' in port ? port.name : formatPortRange(port.from, port.to ?? port.from)));
  return parts.length === 0 ? protocol : `${protocol} ${parts.join(', ')}`;
}

/** Formats a range of ports, e.g. `80` or `8000–8100`. */
export const formatPortRange = (from: number, to: number): string =>
  from === to ? `${from}` : `${from}–${to}`;

/**
 * Formats the ports of an entry; `all` if the entry covers every port. For ICMP the ports stand for type × 256 + code,
 * and are formatted as types and codes.
 */
export function formatRuleEntryPorts(protocol: Rule['protocol'], from: number, to: number): string {
  if (from === 0 && to === 65_535) return 'all';
  if (protocol !== 'icmp') return formatPortRange(from, to);
  const [first, last] = [from >> 8, to >> 8];
  if ((from & 255) === 0 && (to & 255) === 255) return `type ${formatPortRange(first, last)}`;
  return `type ${first} code ${formatPortRange(from & 255, to & 255)}`;
}

/** Sorts rules by evaluation order, keeping each rule's index in the rule set. */
export const sortByEvaluationOrder = (rules: readonly Rule[]): { rule: Rule; index: number }[] =>
  rules
    .map((rule, index) => ({ rule, index }))
    .sort((a, b) => a.rule.priority - b.rule.priority || a.index - b.index);

/** Returns true if a rule's name and formatted terms contain every word of a text. */
export function ruleMatchesSearch(rule: Rule, text: string): boolean {
  const searched = [
    rule.name,
    rule.direction,
    formatRuleSubject(rule.subject),
    formatRulePeers(rule.peers),
    formatRulePorts(rule),
    rule.action,
  ]
    .join(' ')
    .toLowerCase();
  return text
    .toLowerCase()
    .split(/\s+/)
    .every((word) => searched.includes(word));
}

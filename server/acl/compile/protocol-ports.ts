import type { PortRange, Rule } from '../../../contract/rule-set.ts';
import { buildDefaultEntriesTree, type DefaultEntriesTree } from './port-prefixes.ts';
import {
  buildPortRuns,
  buildPortTree,
  type PortClaim,
  type PortRuns,
  type RuleOrder,
} from './port-ranges.ts';

/** Protocols that rules distinguish by port or ICMP type, and `other` for the rest. */
export const protocolGroups = ['icmp', 'tcp', 'udp', 'sctp', 'other'] as const;
export type ProtocolGroup = (typeof protocolGroups)[number];
export type PortMatchedProtocol = Exclude<ProtocolGroup, 'other'>;
export const portProtocols = protocolGroups.filter((protocol) => protocol !== 'other');

/** Port runs of a list of rules, by protocol. */
type RunsByProtocol = Record<ProtocolGroup, PortRuns>;
export type DefaultEntriesTreesByProtocol = Record<ProtocolGroup, DefaultEntriesTree>;

/** Creates a record with one value per protocol group. */
export function mapProtocolGroups<T>(make: (protocol: ProtocolGroup) => T): Record<ProtocolGroup, T> {
  return Object.fromEntries(protocolGroups.map((protocol) => [protocol, make(protocol)])) as Record<
    ProtocolGroup,
    T
  >;
}

export const buildDefaultEntriesTrees = (runs: RunsByProtocol): DefaultEntriesTreesByProtocol =>
  mapProtocolGroups((protocol) => buildDefaultEntriesTree(buildPortTree(runs[protocol])));

/** Protocol and ports that a rule matches, regardless of earlier rules. */
export type RulePortClaims = Pick<Rule, 'protocol'> & { claims: readonly PortClaim[] };

const allPorts = { from: 0, to: 65_535 };

/**
 * Returns the port ranges that a rule matches; for ICMP, ranges of `type << 8 | code`.
 * @param ports of the rule, by number; empty: all
 */
export function toPortClaims(
  { protocol, icmp, action }: Rule,
  ports: readonly PortRange[],
  order: RuleOrder,
): RulePortClaims {
  const log = action === 'log';
  const ranges =
    protocol === 'icmp'
      ? icmp.map(({ type, code }) => ({ from: (type << 8) | (code ?? 0), to: (type << 8) | (code ?? 255) }))
      : ports.map(({ from, to }) => ({ from, to: to ?? from }));
  const claims = (ranges.length > 0 ? ranges : [allPorts]).map((range) => ({ ...range, order, log }));
  return { protocol, claims };
}

export const matchesProtocolGroup = (rule: Pick<Rule, 'protocol'>, protocol: ProtocolGroup): boolean =>
  rule.protocol === protocol || rule.protocol === 'any';

/** Builds the port runs of one protocol. @param rules in evaluation order; rules of other protocols are skipped */
export const buildProtocolPortRuns = (rules: readonly RulePortClaims[], protocol: ProtocolGroup): PortRuns =>
  buildPortRuns(rules.flatMap((rule) => (matchesProtocolGroup(rule, protocol) ? rule.claims : [])));

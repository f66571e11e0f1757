import type { Rule } from '../../../contract/acl.ts';
import { type BaseTree, baseTree } from './port-prefixes.ts';
import { type Claim, type Order, type PortRuns, portRuns, portTree } from './port-ranges.ts';

/** Protocols with ports or types, and all the others. */
export const judged = ['icmp', 'tcp', 'udp', 'sctp', 'other'] as const;
export type JudgedProtocol = (typeof judged)[number];
export type Ported = Exclude<JudgedProtocol, 'other'>;
export const ported = judged.filter((protocol) => protocol !== 'other');

/** Of some rules that hold for the same pods and addresses: who judges what. */
export type Judges = Record<JudgedProtocol, PortRuns>;
export type BaseJudges = Record<JudgedProtocol, BaseTree>;

export function byProtocol<T>(make: (protocol: JudgedProtocol) => T): Record<JudgedProtocol, T> {
  return Object.fromEntries(judged.map((protocol) => [protocol, make(protocol)])) as Record<
    JudgedProtocol,
    T
  >;
}

export const asBase = (judges: Judges): BaseJudges =>
  byProtocol((protocol) => baseTree(portTree(judges[protocol])));

/** What a rule claims, whoever comes before it. */
export type RuleClaims = Pick<Rule, 'protocol'> & { claims: readonly Claim[] };

const allPorts = { from: 0, to: 65_535 };

export function ruleClaims({ protocol, ports, icmp, action }: Rule, order: Order): RuleClaims {
  const log = action === 'log';
  const ranges =
    protocol === 'icmp'
      ? icmp.map(({ type, code }) => ({ from: (type << 8) | (code ?? 0), to: (type << 8) | (code ?? 255) }))
      : ports.map(({ from, to }) => ({ from, to: to ?? from }));
  const claims = (ranges.length > 0 ? ranges : [allPorts]).map((range) => ({ ...range, order, log }));
  return { protocol, claims };
}

export const judges = (rule: Pick<Rule, 'protocol'>, protocol: JudgedProtocol): boolean =>
  rule.protocol === protocol || rule.protocol === 'any';

/** @param rules in the order of evaluation; those of other protocols are passed over */
export const judgeRuns = (rules: readonly RuleClaims[], protocol: JudgedProtocol): PortRuns =>
  portRuns(rules.flatMap((rule) => (judges(rule, protocol) ? rule.claims : [])));

import type { Rule } from '../../contract/acl.ts';
import type { Compiled, NumberedRule } from './compiled.ts';

/** A rule that no packet of today's pods can come to. */
export interface RuleWarning {
  rule: string;
  /** In the rule set, from 0. */
  index: number;
  line?: number;
  message: string;
}

type Tables = Pick<Compiled, 'tables' | 'rules' | 'policies' | 'identities'>;

/** In the order of the rule set. */
export function findWarnings(compiled: Tables, lineOf: (index: number) => number | undefined): RuleWarning[] {
  const asked = new Set<number>();
  for (const entries of compiled.tables.rows.values())
    for (const { rule, log } of entries) asked.add(rule).add(log);
  const applied = new Set([...compiled.policies.values()].flatMap(({ rules }) => rules));
  const reached = new Set([...compiled.identities.values()].flat());
  return [...compiled.rules]
    .filter(([number]) => !asked.has(number))
    .map(([number, { rule, index, peers }]) => {
      const line = lineOf(index);
      const message = !applied.has(number)
        ? 'matches nothing: no pod is its subject'
        : peers !== 0 && !reached.has(peers)
          ? 'matches nothing: its peers mean no address'
          : `is never asked: ${before(compiled, number)} come first wherever it matches`;
      return { rule: rule.name, index, message, ...(line === undefined ? {} : { line }) };
    })
    .sort((a, b) => a.index - b.index);
}

/** Names of some rules that take away what the rule matches. */
function before({ rules, policies, identities }: Tables, number: number): string {
  const late = rules.get(number)!;
  const shared = (peers: number): boolean =>
    peers === 0 || [...identities.values()].some((sets) => sets.includes(peers) && sets.includes(late.peers));
  const early = new Set<number>();
  for (const policy of policies.values()) {
    const place = policy.rules.indexOf(number);
    for (const other of policy.rules.slice(0, Math.max(place, 0))) early.add(other);
  }
  const names = [...early]
    .map((other) => rules.get(other)!)
    .filter((other) => takes(other, late) && shared(other.peers))
    .map(({ rule }) => JSON.stringify(rule.name));
  return names.length > 3 ? `${names.slice(0, 3).join(', ')} and ${names.length - 3} more` : names.join(', ');
}

const takes = ({ rule: a }: NumberedRule, { rule: b }: NumberedRule): boolean =>
  (a.action !== 'log' || b.action === 'log') && overlap(a, b);

function overlap(a: Rule, b: Rule): boolean {
  if (a.protocol === 'any' || b.protocol === 'any') return true;
  if (a.protocol !== b.protocol) return false;
  const some = <T>(x: T[], y: T[], meet: (x: T, y: T) => boolean): boolean =>
    x.length === 0 || y.length === 0 || x.some((one) => y.some((other) => meet(one, other)));
  return (
    some(a.ports, b.ports, (p, q) => p.from <= (q.to ?? q.from) && q.from <= (p.to ?? p.from)) &&
    some(
      a.icmp,
      b.icmp,
      (p, q) => p.type === q.type && (p.code === undefined || q.code === undefined || p.code === q.code),
    )
  );
}

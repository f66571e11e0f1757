import type { Rule } from '../../../contract/acl.ts';
import type { Compiled, NumberedRule, Policy } from './compiled-rules.ts';

/** A rule that no packet of today's pods can come to. */
export interface RuleWarning {
  rule: string;
  /** In the rule set, from 0. */
  index: number;
  line?: number;
  message: string;
}

type Meaning = Pick<Compiled, 'tables' | 'rules' | 'policies' | 'identities'>;

/** In the order of the rule set. */
export function findWarnings(
  compiled: Meaning,
  lineOf: (index: number) => number | undefined,
): RuleWarning[] {
  const { tables, rules, policies, identities } = compiled;
  const asked = new Set<number>();
  for (const entries of tables.rows.values()) for (const { rule, log } of entries) asked.add(rule).add(log);
  if ([...rules.keys()].every((number) => asked.has(number))) return [];
  const policiesOf = new Map<number, Policy[]>();
  for (const policy of policies.values())
    for (const rule of policy.rules) policiesOf.set(rule, [...(policiesOf.get(rule) ?? []), policy]);
  const identitiesOf = new Map<number, (readonly number[])[]>();
  for (const sets of identities.values())
    for (const set of sets) {
      const known = identitiesOf.get(set);
      if (known) known.push(sets);
      else identitiesOf.set(set, [sets]);
    }

  const why = (number: number, { peers }: NumberedRule): string => {
    const own = policiesOf.get(number);
    if (!own) return 'matches nothing: no pod is its subject';
    if (peers !== 0 && !identitiesOf.has(peers)) return 'matches nothing: its peers mean no address';
    const beside = new Set([0, ...(identitiesOf.get(peers) ?? []).flat()]);
    const names = before(rules, number, own, beside);
    const come = names.length === 1 ? 'comes' : 'come';
    return `is never asked: ${names.join(', ')} ${come} first wherever it matches`;
  };
  return [...rules]
    .filter(([number]) => !asked.has(number))
    .map(([number, numbered]) => {
      const { rule, index } = numbered;
      const line = lineOf(index);
      return {
        rule: rule.name,
        index,
        message: why(number, numbered),
        ...(line === undefined ? {} : { line }),
      };
    })
    .sort((a, b) => a.index - b.index);
}

/**
 * Names of up to three rules that take away some of what the rule matches.
 * @param policies that have it @param peers sets of peers that share addresses with its own
 */
function before(
  rules: Meaning['rules'],
  number: number,
  policies: readonly Policy[],
  peers: ReadonlySet<number>,
): string[] {
  const late = rules.get(number)!;
  const names = new Set<string>();
  for (const policy of policies)
    for (const early of policy.rules) {
      if (early === number || names.size === 3) break;
      const other = rules.get(early)!;
      if (peers.has(other.peers) && takes(other, late)) names.add(JSON.stringify(other.rule.name));
    }
  return [...names];
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

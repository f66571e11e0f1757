import type { PortRange } from '../../../contract/rule-set.ts';
import type { RuleWarning } from '../../../contract/rules.ts';
import type { CompiledPolicy, CompiledRules, NumberedRule } from './compiled-rules.ts';

type Compiled = Pick<CompiledRules, 'tables' | 'rules' | 'policies' | 'identities'>;

/**
 * Finds rules that no packet of the given pods can reach, and explains why, in the order of the rule set.
 * @param implied indexes of rules that no line of the text states: left out unless no pod is their subject
 */
export function findUnreachableRules(
  compiled: Compiled,
  lineOf: (index: number) => number | undefined,
  implied: ReadonlySet<number>,
): RuleWarning[] {
  const { tables, rules, policies, identities } = compiled;
  const reachable = new Set<number>();
  for (const entries of tables.entryLists.values())
    for (const { rule, log } of entries) reachable.add(rule).add(log);
  if ([...rules.keys()].every((number) => reachable.has(number))) return [];
  const policiesOf = new Map<number, CompiledPolicy[]>();
  for (const policy of policies.values())
    for (const rule of policy.rules) policiesOf.set(rule, [...(policiesOf.get(rule) ?? []), policy]);
  const overlapsOf = new Map<number, (readonly number[])[]>();
  for (const sets of identities.values())
    for (const set of sets) {
      const known = overlapsOf.get(set);
      if (known) known.push(sets);
      else overlapsOf.set(set, [sets]);
    }

  const explain = (number: number, late: NumberedRule): string => {
    const own = policiesOf.get(number);
    if (late.variants.length === 0) return 'matches no packet: no pod has a port of the name';
    if (!own) return 'matches no packet: no pod is its subject';
    if (late.variants.every(({ peers }) => peers !== 0 && !overlapsOf.has(peers)))
      return 'matches no packet: its peers have no addresses';
    const overlapping = new Set([
      0,
      ...late.variants.flatMap(({ peers }) => (overlapsOf.get(peers) ?? []).flat()),
    ]);
    const names = findPreceding(rules, number, late, own, overlapping);
    return `is never evaluated: ${names.join(', ')} ${names.length === 1 ? 'precedes' : 'precede'} it wherever it matches`;
  };
  return [...rules]
    .filter(([number]) => !reachable.has(number))
    .filter(
      ([number, { index, rule }]) =>
        !implied.has(index) || (rule.action === 'deny' && !policiesOf.has(number)),
    )
    .map(([number, numbered]) => {
      const { rule, index } = numbered;
      const line = lineOf(index);
      return {
        rule: rule.name,
        index,
        message: explain(number, numbered),
        ...(line === undefined ? {} : { line }),
      };
    })
    .sort((a, b) => a.index - b.index);
}

/**
 * Returns names of up to three rules that decide some of the packets that the rule matches.
 * @param policies those that contain the rule @param peers peer sets that share addresses with the rule's own
 */
function findPreceding(
  rules: Compiled['rules'],
  number: number,
  late: NumberedRule,
  policies: readonly CompiledPolicy[],
  peers: ReadonlySet<number>,
): string[] {
  const names = new Set<string>();
  for (const policy of policies)
    for (const early of policy.rules) {
      if (early === number || names.size === 3) break;
      const other = rules.get(early);
      if (other?.variants.some((variant) => peers.has(variant.peers)) && shadows(other, late))
        names.add(JSON.stringify(other.rule.name));
    }
  return [...names];
}

const shadows = (early: NumberedRule, late: NumberedRule): boolean =>
  (early.rule.action !== 'log' || late.rule.action === 'log') && overlap(early, late);

/** Returns true if two lists have members that intersect; an empty list stands for all. */
const anyPair = <T>(x: readonly T[], y: readonly T[], intersect: (x: T, y: T) => boolean): boolean =>
  x.length === 0 || y.length === 0 || x.some((one) => y.some((other) => intersect(one, other)));

const portsOverlap = (a: readonly PortRange[], b: readonly PortRange[]): boolean =>
  anyPair(a, b, (p, q) => p.from <= (q.to ?? q.from) && q.from <= (p.to ?? p.from));

function overlap(
  { rule: a, variants: ofA }: NumberedRule,
  { rule: b, variants: ofB }: NumberedRule,
): boolean {
  if (a.protocol === 'any' || b.protocol === 'any') return true;
  if (a.protocol !== b.protocol) return false;
  return (
    ofA.some(({ ports }) => ofB.some((other) => portsOverlap(ports, other.ports))) &&
    anyPair(
      a.icmp,
      b.icmp,
      (p, q) => p.type === q.type && (p.code === undefined || q.code === undefined || p.code === q.code),
    )
  );
}

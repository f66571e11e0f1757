import type { NatRule } from '../../../contract/observed-path.ts';

/** Conditions of a rule that have to hold for its action. */
export interface RuleConditions {
  protocol: string | null;
  sources: readonly string[];
  destinations: readonly string[];
  /** Destination port or range, as text. */
  port: string | null;
  /** Further ones as text. */
  others: readonly string[];
}

export const noConditions: RuleConditions = {
  protocol: null,
  sources: [],
  destinations: [],
  port: null,
  others: [],
};

/** A rule of a chain: it jumps to another chain, or translates. */
export type ChainRule = { conditions: RuleConditions } & (
  | { jump: string }
  | { action: NatRule['action']; to: NatRule['to'] }
);

/** Chains of one table by name, and those of them where packets enter. */
export interface NatTable {
  /** Firewall and table, such as `iptables nat`. */
  place: string;
  chains: ReadonlyMap<string, readonly ChainRule[]>;
  entries: readonly string[];
}

/** Depth and number of rules up to which jumps are followed; kube-proxy has 20,000 rules on a large cluster. */
const maxDepth = 16;
const maxVisits = 100_000;

/**
 * Lists the rules of a table that translate addresses, with the conditions of all jumps that lead to them.
 * @returns `complete` false if there are too many
 */
export function listTranslations({ place, chains, entries }: NatTable): {
  rules: NatRule[];
  complete: boolean;
} {
  const rules: NatRule[] = [];
  let visits = 0;
  const visit = (chain: string, before: RuleConditions, depth: number): void => {
    if (depth > maxDepth) return;
    for (const rule of chains.get(chain) ?? []) {
      if (++visits > maxVisits) return;
      const conditions = joinConditions(before, rule.conditions);
      if ('jump' in rule) visit(rule.jump, conditions, depth + 1);
      else rules.push(toNatRule(`${place} ${chain}`, rule.action, rule.to, conditions));
    }
  };
  for (const chain of entries) visit(chain, noConditions, 0);
  return { rules, complete: visits <= maxVisits };
}

const joinConditions = (a: RuleConditions, b: RuleConditions): RuleConditions => ({
  protocol: b.protocol ?? a.protocol,
  sources: [...a.sources, ...b.sources],
  destinations: [...a.destinations, ...b.destinations],
  port: b.port ?? a.port,
  others: [...new Set([...a.others, ...b.others])],
});

const toNatRule = (
  place: string,
  action: NatRule['action'],
  to: NatRule['to'],
  { protocol, sources, destinations, port, others }: RuleConditions,
): NatRule => ({
  action,
  place,
  protocol,
  port,
  source: joinTexts(sources),
  destination: joinTexts(destinations),
  to,
  conditions: [...others],
});

const joinTexts = (texts: readonly string[]): string | null =>
  texts.length === 0 ? null : [...new Set(texts)].join(' and ');

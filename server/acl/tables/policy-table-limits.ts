import { ProblemError } from '../../../contract/problem.ts';
import { maxRules } from '../../../contract/rule-set.ts';
import type { RuleSizes } from '../../../contract/rules.ts';

/** Maximum sizes of one rule set's tables; the kernel maps have room for two such rule sets. */
export interface PolicyTableLimits {
  /** Maximum number of IPv4 and IPv6 prefixes in the ipcache. */
  prefixes: number;
  /** Maximum number of identities, each of which stands for a different combination of peer sets. */
  identities: number;
  /** Maximum number of policies, each of which is a different list of rules in one direction. */
  policies: number;
  /** Maximum number of pairs of a policy and an identity that have an entry list. */
  policyEntries: number;
  /** Maximum number of entries in all entry lists together. */
  entries: number;
}

export const defaultPolicyTableLimits: PolicyTableLimits = {
  prefixes: 65_536,
  identities: 65_536,
  policies: 8192,
  policyEntries: 262_144,
  entries: 262_144,
};

/** Size limits of a rule set, as the API reports them. */
export const ruleSizeLimits: RuleSizes = {
  ...defaultPolicyTableLimits,
  rules: maxRules,
  entryLists: defaultPolicyTableLimits.entries,
};
export const emptyRuleSizes: RuleSizes = {
  rules: 0,
  prefixes: 0,
  identities: 0,
  policies: 0,
  policyEntries: 0,
  entryLists: 0,
  entries: 0,
};

/** The rule that takes the most space in a table that is too small. */
export interface LargestRule {
  name: string;
  index: number;
  count: number;
  /** Line of the text on which the rule begins. */
  line?: number | undefined;
}

const hints: Record<keyof PolicyTableLimits, string> = {
  prefixes: 'Aggregate adjacent CIDRs, or select pods with fewer selectors.',
  identities: 'Use the same peer lists in several rules.',
  policies: 'Apply rules to whole namespaces instead of single pods.',
  policyEntries:
    'Use the same peer lists in several rules, or apply rules to whole namespaces instead of single pods.',
  entries: 'Align port ranges to powers of two, or merge rules.',
};

/** Names of the policy tables in error messages. */
const titles: Record<keyof PolicyTableLimits, string> = {
  prefixes: 'prefixes',
  identities: 'identities',
  policies: 'policies',
  policyEntries: 'policy entries',
  entries: 'entries',
};

/**
 * @param largest finds the rule to name; called only when the limit is exceeded
 * @throws ProblemError `rules_too_large` when `size` exceeds the limit
 */
export function checkPolicyTableLimit(
  limits: PolicyTableLimits,
  table: keyof PolicyTableLimits,
  size: number,
  largest: () => LargestRule | undefined,
): void {
  if (size <= limits[table]) return;
  const found = largest();
  const detail = `the rules need at least ${size} ${titles[table]}, the limit is ${limits[table]}`;
  if (!found) throw new ProblemError('rules_too_large', detail, { hint: hints[table] });
  const { name, index, count, line } = found;
  const at = line === undefined ? '' : ` (line ${line})`;
  const message = `needs ${count} of ${size} ${titles[table]}, more than any other rule`;
  throw new ProblemError('rules_too_large', `${detail}; rule ${JSON.stringify(name)}${at} ${message}`, {
    hint: hints[table],
    errors: [{ path: `rules[${index}]`, message, ...(line === undefined ? {} : { line }) }],
  });
}

import { maxRules } from '../../../contract/acl.ts';
import { ProblemError } from '../../../contract/problem.ts';
import type { RuleSizes } from '../../../contract/rules.ts';

/** What the kernel's maps hold; as they are created. */
export interface AclLimits {
  /** Prefixes of both families in the trie. */
  prefixes: number;
  /** Different sets of rules' peers that an address can be in. */
  identities: number;
  /** Different lists of rules that a pod and direction can have. */
  policies: number;
  /** Identities of which a policy says something of their own, over all policies. */
  assignments: number;
  /** Entries of all rows. */
  entries: number;
}

export const defaultLimits: AclLimits = {
  prefixes: 65_536,
  identities: 65_536,
  policies: 8192,
  assignments: 262_144,
  entries: 262_144,
};

/** As sizes are told. */
export const ruleLimits: RuleSizes = { ...defaultLimits, rules: maxRules, rows: defaultLimits.entries };
export const noSizes: RuleSizes = {
  rules: 0,
  prefixes: 0,
  identities: 0,
  policies: 0,
  assignments: 0,
  rows: 0,
  entries: 0,
};

/** The rule that needs most of what there is too much of. */
export interface Culprit {
  name: string;
  index: number;
  count: number;
  /** Of the text that the rules came from. */
  line?: number | undefined;
}

const hints: Record<keyof AclLimits, string> = {
  prefixes: 'Join neighbouring CIDRs, or name pods by fewer selectors.',
  identities: 'Let rules share their lists of peers.',
  policies: 'Let rules mean whole namespaces instead of single pods.',
  assignments: 'Let rules share their lists of peers, or mean whole namespaces instead of single pods.',
  entries: 'Let port ranges begin and end at multiples of large powers of two, or join rules.',
};

/** @throws ProblemError `rules_too_large` where `have` is more than the limit; `culprit` is asked only then */
export function checkLimit(
  limits: AclLimits,
  what: keyof AclLimits,
  have: number,
  culprit: () => Culprit | undefined,
): void {
  if (have <= limits[what]) return;
  const found = culprit();
  const detail = `the rules need at least ${have} ${what}, the tables hold ${limits[what]}`;
  if (!found) throw new ProblemError('rules_too_large', detail, { hint: hints[what] });
  const { name, index, count, line } = found;
  const at = line === undefined ? '' : ` (line ${line})`;
  const message = `needs ${count} of ${have} ${what}, more than any other rule`;
  throw new ProblemError('rules_too_large', `${detail}; rule ${JSON.stringify(name)}${at} ${message}`, {
    hint: hints[what],
    errors: [{ path: `rules[${index}]`, message, ...(line === undefined ? {} : { line }) }],
  });
}

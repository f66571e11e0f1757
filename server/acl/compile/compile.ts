import type { RuleSet } from '../../../contract/acl.ts';
import { type Compiled, type Last, nothing } from './compiled-rules.ts';
import { classify } from './identities.ts';
import { type AclLimits, checkLimit, defaultLimits } from '../tables/limits.ts';
import { mostOf } from './largest-rule.ts';
import { keepNumbers } from './id-allocator.ts';
import { groupPods, orderRules } from './evaluation-order.ts';
import { numberPeerSets, peerRanges } from './peer-sets.ts';
import { makePolicies, numberGroups } from './policies.ts';
import { RowBook } from './entry-lists.ts';
import type { AclPod } from '../spec/pod-selector.ts';
import { findWarnings } from './unreachable-rules.ts';

export interface CompileOptions {
  /** What these tables are to replace: all that means the same keeps its number. */
  last?: Last;
  limits?: AclLimits;
  /** Line of a rule in the text that it came from, by index. */
  lineOf?: (index: number) => number | undefined;
}

/**
 * Makes the tables that judge as `reference` does. Pure: `last` stays as it is.
 * @param ruleSet as `contract/acl.ts` has parsed it
 * @param pods those of the node, and others that selectors of peers may mean
 * @throws ProblemError `rules_too_large`
 */
export function compile(ruleSet: RuleSet, pods: readonly AclPod[], options: CompileOptions = {}): Compiled {
  const { last = nothing(), limits = defaultLimits, lineOf = () => undefined } = options;
  const names = ruleSet.rules.map(({ name }) => name);
  const ruleNumbers = keepNumbers(names, last.numbers.rules);
  const peers = numberPeerSets(ruleSet, last.numbers.peers);
  const ordered = orderRules(ruleSet, ({ name }) => peers.byRule.get(name) ?? 0);
  const numberOf = ordered.map(({ rule }) => ruleNumbers.get(rule.name)!);
  const most = mostOf(ruleSet, lineOf);

  const ranges = peerRanges(peers, pods);
  const { classes, prefixes } = classify(ranges);
  checkLimit(limits, 'prefixes', prefixes.length, () =>
    most(({ name }) => {
      const own = ranges.get(peers.byRule.get(name) ?? 0) ?? [];
      return own.reduce((sum, { except }) => sum + 1 + except.length, 0);
    }),
  );
  const classesOf = bySet(classes);
  const mostIdentities = () => most(({ name }) => classesOf.get(peers.byRule.get(name) ?? 0)?.length ?? 0);
  checkLimit(limits, 'identities', classes.length - 1, mostIdentities);
  const keys = classes.map((sets) => sets.join());
  const identities = keepNumbers(keys.slice(1), last.numbers.identities);
  const identityOf = keys.map((key) => identities.get(key) ?? 0);

  const groups = groupPods(ordered, pods);
  checkLimit(limits, 'policies', groups.length, () => undefined);
  const book = new RowBook(ordered, numberOf, ruleSet.defaults, last.numbers, (entries, rows) =>
    checkLimit(limits, 'entries', entries, () => {
      const uses = new Map<number, number>();
      for (const { rule } of [...rows.values()].flat()) uses.set(rule, (uses.get(rule) ?? 0) + 1);
      return most(({ name }) => uses.get(ruleNumbers.get(name)!) ?? 0);
    }),
  );
  const policyNumbers = numberGroups(groups, numberOf, last);
  const made = makePolicies(groups, policyNumbers, pods, book, {
    classesOf,
    identityOf,
    numberOf,
    assigned: (count) => checkLimit(limits, 'assignments', count, mostIdentities),
  });

  const compiled = {
    ruleSet,
    tables: {
      prefixes: new Map(
        prefixes.map(({ key, prefix, class: each }) => [key, { prefix, identity: identityOf[each]! }]),
      ),
      pods: made.pods,
      assignments: made.assignments,
      rows: book.rows,
    },
    rules: new Map(
      ordered.map(({ rule, index, peers, order }) => [numberOf[order]!, { rule, index, peers }]),
    ),
    policies: made.policies,
    identities: new Map(classes.map((sets, index) => [identityOf[index]!, sets])),
    numbers: {
      rules: ruleNumbers,
      peers,
      identities,
      policies: policyNumbers,
      rows: book.numbers,
      nextRow: book.next,
    },
  };
  return { ...compiled, warnings: findWarnings(compiled, lineOf) };
}

/** Of each set of peers, the classes that are in it. */
function bySet(classes: readonly (readonly number[])[]): Map<number, number[]> {
  const found = new Map<number, number[]>();
  classes.forEach((sets, index) => {
    for (const set of sets) {
      const known = found.get(set);
      if (known) known.push(index);
      else found.set(set, [index]);
    }
  });
  return found;
}

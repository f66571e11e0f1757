import type { RuleSet } from '../../../contract/rule-set.ts';
import type { SelectablePod } from '../spec/pod-matching.ts';
import {
  checkPolicyTableLimit,
  defaultPolicyTableLimits,
  type PolicyTableLimits,
} from '../tables/policy-table-limits.ts';
import {
  type CompiledRules,
  createEmptyPreviousRuleCompilation,
  type PreviousRuleCompilation,
} from './compiled-rules.ts';
import { RuleEntryListBuilder } from './entry-lists.ts';
import { groupPodsByRules, sortRulesByEvaluation } from './evaluation-order.ts';
import { assignTableIds, getAssignedTableId } from './id-allocator.ts';
import { groupAddressesByPeerSets } from './identities.ts';
import { createLargestRuleFinder } from './largest-rule.ts';
import { PeerIndex } from './peer-index.ts';
import { assignPeerSetIds, resolvePeerIpBlocks, variantName } from './peer-sets.ts';
import { assignPolicyIds, buildPolicies } from './policies.ts';
import { checkVariantLimit, listRuleVariants } from './rule-variants.ts';
import { findUnreachableRules } from './unreachable-rules.ts';

export interface RuleCompileOptions {
  /** Result of the previous compilation, from which numbers of unchanged meaning are kept. */
  previous?: PreviousRuleCompilation;
  limits?: PolicyTableLimits;
  /** Returns the line number of a rule, by the index of the rule. */
  lineOf?: (index: number) => number | undefined;
  /** Indexes of rules that no line states; no warning says that other rules precede them. */
  implied?: ReadonlySet<number>;
  /** Addresses of the node, the peer that `node` selects. */
  nodeAddresses?: readonly string[];
  /** Pods of other nodes, which peer selectors match too. */
  peers?: PeerIndex;
}

/**
 * Compiles a rule set to tables. Pure: `previous` is not changed.
 * @param ruleSet as the schema in contract/rule-set.ts returns it
 * @param pods pods of the node, which rules apply to and which peer selectors match
 * @throws ProblemError `rules_too_large`
 */
export function compileRules(
  ruleSet: RuleSet,
  pods: readonly SelectablePod[],
  options: RuleCompileOptions = {},
): CompiledRules {
  const {
    previous = createEmptyPreviousRuleCompilation(),
    limits = defaultPolicyTableLimits,
    lineOf = () => undefined,
    implied = new Set<number>(),
    nodeAddresses = [],
  } = options;
  const names = ruleSet.rules.map(({ name }) => name);
  const ruleNumbers = assignTableIds(names, previous.ids.rules);
  const context = { pods, podsOf: (options.peers ?? new PeerIndex()).begin(pods) };
  const variants = ruleSet.rules.flatMap((rule, index) => listRuleVariants(rule, index, context));
  const findLargest = createLargestRuleFinder(ruleSet, lineOf);
  checkVariantLimit(variants, findLargest);
  const peers = assignPeerSetIds(variants, previous.ids.peers);
  const ordered = sortRulesByEvaluation(
    variants,
    (variant) => peers.byVariant.get(variantName(variant)) ?? 0,
  );
  const numberOf = ordered.map(({ rule }) => getAssignedTableId(ruleNumbers, rule.name));
  const byRule = Map.groupBy(ordered, ({ rule }) => rule.name);
  const setsOf = (name: string): number[] => (byRule.get(name) ?? []).map(({ peers }) => peers);

  const ipBlocks = resolvePeerIpBlocks(peers, variants, context, nodeAddresses);
  const { classes, prefixes } = groupAddressesByPeerSets(ipBlocks);
  checkPolicyTableLimit(limits, 'prefixes', prefixes.length, () =>
    findLargest(({ name }) => {
      const own = setsOf(name).flatMap((set) => ipBlocks.get(set) ?? []);
      return own.reduce((sum, { except }) => sum + 1 + except.length, 0);
    }),
  );
  const classesOf = classesByPeerSet(classes);
  const findMostIdentities = () =>
    findLargest(({ name }) => setsOf(name).reduce((sum, set) => sum + (classesOf.get(set)?.length ?? 0), 0));
  checkPolicyTableLimit(limits, 'identities', classes.length - 1, findMostIdentities);
  const classKeys = classes.map((sets) => sets.join());
  const identities = assignTableIds(classKeys.slice(1), previous.ids.identities);
  const identityOf = classKeys.map((key) => identities.get(key) ?? 0);

  const groups = groupPodsByRules(ordered, pods);
  checkPolicyTableLimit(limits, 'policies', groups.length, () => undefined);
  const builder = new RuleEntryListBuilder(
    ordered,
    numberOf,
    ruleSet.defaults,
    previous.ids,
    (size, entryLists) =>
      checkPolicyTableLimit(limits, 'entries', size, () => {
        const uses = new Map<number, number>();
        for (const { rule } of [...entryLists.values()].flat()) uses.set(rule, (uses.get(rule) ?? 0) + 1);
        return findLargest(({ name }) => uses.get(getAssignedTableId(ruleNumbers, name)) ?? 0);
      }),
  );
  const policyIds = assignPolicyIds(groups, numberOf, previous);
  const built = buildPolicies(groups, policyIds, pods, builder, {
    classesOf,
    identityOf,
    numberOf,
    checkSize: (size) => checkPolicyTableLimit(limits, 'policyEntries', size, findMostIdentities),
  });

  const compiled = {
    ruleSet,
    tables: {
      ipcache: new Map(
        prefixes.map(({ key, prefix, class: index }) => [key, { prefix, identity: identityOf[index] ?? 0 }]),
      ),
      pods: built.pods,
      policyMap: built.policyMap,
      entryLists: builder.entryLists,
    },
    rules: new Map(
      ruleSet.rules.map((rule, index) => [
        getAssignedTableId(ruleNumbers, rule.name),
        {
          rule,
          index,
          variants: (byRule.get(rule.name) ?? []).map(({ peers, ports, pods }) => ({ peers, ports, pods })),
        },
      ]),
    ),
    policies: built.policies,
    identities: new Map(classes.map((sets, index) => [identityOf[index] ?? 0, sets])),
    ids: {
      rules: ruleNumbers,
      peers,
      identities,
      policies: policyIds,
      entryLists: builder.ids,
      nextEntryList: builder.nextId,
    },
  };
  return { ...compiled, warnings: findUnreachableRules(compiled, lineOf, implied) };
}

/** Returns the address classes of each peer set, by peer set number. */
function classesByPeerSet(classes: readonly (readonly number[])[]): Map<number, number[]> {
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

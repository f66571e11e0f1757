import type { PodConnectionTable } from '../../contract/connection-table.ts';
import type { ActiveRules, RulesLearning, RuleVersion } from '../../contract/rules.ts';
import type { RuleVersionRecord } from '../store/records.ts';
import type { ConnectionTableUse } from './load/kernel-rules.ts';
import type { LoadedRuleSets } from './staged/loaded-rule-sets.ts';
import { emptyRuleSizes, ruleSizeLimits } from './tables/policy-table-limits.ts';

export const formatActiveRulesEtag = (version: RuleVersionRecord | null): string =>
  `v${version?.number ?? 0}`;

/** Returns the API response for the active rules: the stored version and its state in the kernel. */
export function toActiveRulesResponse(
  version: RuleVersionRecord | null,
  sets: LoadedRuleSets,
  { inCluster, learning }: { inCluster: boolean; learning: RulesLearning | null },
): ActiveRules {
  const loaded = sets.loaded('active');
  return {
    version: version?.number ?? 0,
    etag: formatActiveRulesEtag(version),
    rules: loaded?.rules ?? null,
    ownRules: loaded?.own.rules.length ?? 0,
    text: version?.text ?? null,
    actor: version?.actor ?? null,
    time: version?.time.toISOString() ?? null,
    comment: version?.comment ?? null,
    generation: sets.kernel.generation('active') ?? 0,
    sizes: loaded?.sizes ?? emptyRuleSizes,
    limits: ruleSizeLimits,
    warnings: loaded?.warnings ?? [],
    load: loaded?.load ?? null,
    learning,
    problem: version?.text == null && !inCluster ? null : sets.problem('active'),
  };
}

/** Returns the API response for a stored rule version. @param active number of the active version */
export function toRuleVersionResponse(
  { number, time, actor, comment, restored, name, rules }: Omit<RuleVersionRecord, 'text'>,
  active: number | undefined,
): RuleVersion {
  const at = time.toISOString();
  return { number, time: at, actor, comment, restored, name, rules, active: number === active };
}

/** Returns the use of the connection table by one pod. @param owner number of the pod; undefined for an unknown one */
export function toPodConnectionTable(
  { capacity, quota, pods }: ConnectionTableUse,
  owner: number | undefined,
): PodConnectionTable {
  const own = pods.find((pod) => pod.owner === owner);
  return {
    capacity,
    quota,
    used: pods.reduce((sum, { connections }) => sum + connections, 0),
    connections: own?.connections ?? 0,
    evicted: Number(own?.evicted ?? 0n),
    evictedReplied: Number(own?.evictedReplied ?? 0n),
    untracked: Number(own?.untracked ?? 0n),
  };
}

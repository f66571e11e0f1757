import { createHash } from 'node:crypto';
import type { RuleSet } from '../../contract/acl.ts';
import { ProblemError } from '../../contract/problem.ts';
import type { ActiveRules, DraftRules, RuleVersion } from '../../contract/rules.ts';
import type { RuleVersionRecord, StagedRulesRecord } from '../store/records.ts';
import { ruleChanges } from './spec/rule-set-diff.ts';
import type { Judging } from './staged/loaded-rule-sets.ts';
import { noSizes, ruleLimits } from './tables/limits.ts';

export const activeTag = (version: RuleVersionRecord | null): string => `v${version?.number ?? 0}`;
export const draftTag = ({ text, base, time }: StagedRulesRecord): string =>
  `d${createHash('sha256').update(`${base} ${time} ${text}`).digest('hex').slice(0, 16)}`;

/** What is in force as the books have it, and as the kernel judges. */
export function activeAnswer(version: RuleVersionRecord | null, judging: Judging): ActiveRules {
  const judged = judging.judged('active');
  return {
    version: version?.number ?? 0,
    etag: activeTag(version),
    rules: judged?.rules ?? null,
    text: version?.text ?? null,
    actor: version?.actor ?? null,
    time: version?.time.toISOString() ?? null,
    comment: version?.comment ?? null,
    generation: judging.kernel.generation('active') ?? 0,
    sizes: judged?.sizes ?? noSizes,
    limits: ruleLimits,
    warnings: judged?.warnings ?? [],
    load: judged?.load ?? null,
    problem: version?.text == null ? null : judging.problem('active'),
  };
}

/** Of a draft that the kernel could not take, no rule is known: they are in its text. */
const unread: RuleSet = { name: 'draft', defaults: { ingress: 'allow', egress: 'allow' }, rules: [] };

export function draftAnswer(draft: StagedRulesRecord, judging: Judging): DraftRules {
  const judged = judging.judged('draft');
  const rules = judged?.rules ?? unread;
  return {
    etag: draftTag(draft),
    rules,
    text: draft.text,
    base: draft.base,
    actor: draft.actor,
    time: draft.time,
    judging: judged !== null,
    generation: judging.kernel.generation('draft') ?? 0,
    sizes: judged?.sizes ?? noSizes,
    warnings: judged?.warnings ?? [],
    changes: ruleChanges(judging.judged('active')?.rules ?? null, rules),
    load: judged?.load ?? null,
    problem: judging.problem('draft'),
  };
}

/** @param active number of the version that holds */
export function versionAnswer(
  { number, time, actor, comment, restored, name, rules }: Omit<RuleVersionRecord, 'text'>,
  active: number | undefined,
): RuleVersion {
  const at = time.toISOString();
  return { number, time: at, actor, comment, restored, name, rules, active: number === active };
}

export const noDraft = (): ProblemError =>
  new ProblemError('no_draft', 'there is no draft of access rules', {
    hint: 'PUT /api/v1/rules/draft saves one and tries it out',
  });

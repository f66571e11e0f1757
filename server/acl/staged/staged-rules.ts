import { createHash } from 'node:crypto';
import { ProblemError } from '../../../contract/problem.ts';
import type { RuleSet } from '../../../contract/rule-set.ts';
import type { StagedRules as StagedRulesResponse } from '../../../contract/rules.ts';
import type { StagedRulesRecord } from '../../store/records.ts';
import type { RuleStore } from '../../store/store-interfaces.ts';
import type { RuleChangeMetadata, RuleEventPublisher } from '../rule-change-metadata.ts';
import { diffRuleSets } from '../spec/rule-set-diff.ts';
import { emptyRuleSizes } from '../tables/policy-table-limits.ts';
import type { LoadedRuleSets, LocalPodEndpoint } from './loaded-rule-sets.ts';

/** Key of the stored setting that holds the staged rules. */
const settingName = 'rules.staged';

/** Functions of the access rules that a stored rule set depends on. */
export interface RuleSetContext {
  store: RuleStore;
  sets: () => LoadedRuleSets;
  pods: () => LocalPodEndpoint[];
  publish: RuleEventPublisher;
  /** Called after the rule set was loaded or removed. */
  changed: () => void;
}

/** The staged rules, which the kernel evaluates and reports but does not enforce. Callers must serialize calls. */
export class StagedRules {
  readonly #context: RuleSetContext;
  #record: StagedRulesRecord | null = null;

  constructor(context: RuleSetContext) {
    this.#context = context;
  }

  get record(): StagedRulesRecord | null {
    return this.#record;
  }

  get etag(): string | null {
    return this.#record && stagedRulesEtag(this.#record);
  }

  /** Reads the staged rules from the store. */
  async open(): Promise<void> {
    this.#record = (await this.#context.store.setting('node', settingName)) as StagedRulesRecord | null;
  }

  response(): StagedRulesResponse | null {
    return this.#record && stagedResponse(this.#record, this.#context.sets());
  }

  /**
   * Stages a text, which is stored as it is.
   * @param base number of the active version
   * @throws ProblemError `bad_rules`, `rules_too_large`, `rules_changed`; nothing is changed then
   */
  async stage(text: string, change: RuleChangeMetadata, base: number): Promise<StagedRulesResponse> {
    const { store, sets, pods, publish, changed } = this.#context;
    change.precondition?.('stage access rules', this.etag);
    const before = this.#record;
    const record = {
      text,
      base,
      actor: change.actor,
      time: new Date().toISOString(),
    };
    let saved = false;
    try {
      const { rules, sizes } = await sets().apply('staged', record.text, pods(), async () => {
        await store.saveSetting('node', settingName, record);
        saved = true;
        return record;
      });
      this.#record = record;
      changed();
      const size = `${rules.rules.length} rules, ${sizes.entries} entries`;
      await publish('rules.staged', `${change.actor} staged rules ${rules.name} (${size})`);
    } catch (error) {
      if (saved && this.#record !== record) await store.saveSetting('node', settingName, before);
      throw error;
    }
    return stagedResponse(record, sets());
  }

  /** Discards the staged rules; does nothing if there are none. @throws ProblemError `rules_changed` */
  async discard(change: RuleChangeMetadata): Promise<void> {
    if (!this.#record) return;
    change.precondition?.('discard the staged access rules', this.etag);
    await this.clear();
    await this.#context.publish('rules.staged', `${change.actor} discarded the staged access rules`);
  }

  /** Removes the staged rules from the store and from the kernel. */
  async clear(): Promise<void> {
    const { store, sets, changed } = this.#context;
    await store.saveSetting('node', settingName, null);
    this.#record = null;
    await sets().remove('staged');
    changed();
  }
}

const stagedRulesEtag = ({ text, base, time }: StagedRulesRecord): string =>
  `s${createHash('sha256').update(`${base} ${time} ${text}`).digest('hex').slice(0, 16)}`;

/** API description of staged rules that could not be loaded, of which only the text is known. */
const unknownRules: RuleSet = {
  name: 'staged',
  defaults: { ingress: 'allow', egress: 'allow' },
  rules: [],
};

function stagedResponse(record: StagedRulesRecord, sets: LoadedRuleSets): StagedRulesResponse {
  const loaded = sets.loaded('staged');
  const rules = loaded?.rules ?? unknownRules;
  return {
    etag: stagedRulesEtag(record),
    rules,
    text: record.text,
    base: record.base,
    actor: record.actor,
    time: record.time,
    evaluating: loaded !== null,
    generation: sets.kernel.generation('staged') ?? 0,
    sizes: loaded?.sizes ?? emptyRuleSizes,
    warnings: loaded?.warnings ?? [],
    changes: diffRuleSets(sets.loaded('active')?.rules ?? null, rules),
    load: loaded?.load ?? null,
    problem: sets.problem('staged'),
  };
}

export const createNoStagedRulesError = (): ProblemError =>
  new ProblemError('no_staged_rules', 'no access rules are staged', {
    hint: 'PUT /api/v1/rules/staged stages rules',
  });

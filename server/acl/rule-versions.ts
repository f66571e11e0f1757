import { ProblemError } from '../../contract/problem.ts';
import type { RuleVersionRecord } from '../store/records.ts';
import type { RuleChangeMetadata } from './rule-change-metadata.ts';
import { formatActiveRulesEtag, toRuleVersionResponse } from './rule-responses.ts';
import type { RuleSetContext } from './staged/staged-rules.ts';

/** The stored versions of the rules, of which the newest is active. Callers must serialize changes. */
export class RuleVersions {
  readonly #context: RuleSetContext;
  #active: RuleVersionRecord | null = null;

  constructor(context: RuleSetContext) {
    this.#context = context;
  }

  /** The active version; its text is null if rules were removed. */
  get active(): RuleVersionRecord | null {
    return this.#active;
  }

  get etag(): string {
    return formatActiveRulesEtag(this.#active);
  }

  /** Reads the active version from the store. */
  async open(): Promise<void> {
    this.#active = await this.#context.store.lastRuleVersion();
  }

  async list(page: { before?: string | undefined; limit: number }) {
    const { items, next } = await this.#context.store.listRuleVersions(page);
    return { items: items.map((record) => toRuleVersionResponse(record, this.#active?.number)), next };
  }

  /** Returns a stored version with its text. @throws ProblemError `version_not_found` */
  async get(number: number) {
    const record = await this.#context.store.ruleVersion(number);
    if (record) return { ...toRuleVersionResponse(record, this.#active?.number), text: record.text };
    throw new ProblemError('version_not_found', `the access rules have no version ${number}`, {
      hint: 'GET /api/v1/rules/versions lists the stored versions',
    });
  }

  /**
   * Loads a text, which is stored as it is.
   * @param restored number of the version that the text is of, when rolling back
   * @throws ProblemError `bad_rules`, `rules_too_large`; nothing is changed then
   */
  async apply(
    text: string,
    { actor, comment = '' }: RuleChangeMetadata,
    restored: number | null,
  ): Promise<void> {
    const { store, sets, pods, publish, changed } = this.#context;
    if (text === this.#active?.text && sets().problem('active') === null) return;
    const added: { version: RuleVersionRecord | null } = { version: null };
    try {
      const { rules, load, sizes } = await sets().apply('active', text, pods(), async ({ rules }) => {
        const content = { name: rules.name, rules: rules.rules.length, text };
        const version = { time: new Date(), actor, comment, restored, ...content };
        const record = await store.addRuleVersion(version);
        added.version = record;
        return record;
      });
      this.#active = added.version;
      changed();
      const size = `${rules.rules.length} rules, ${sizes.entries} entries, ${load.written} written`;
      await publish(
        'rules.applied',
        `${actor} applied rules ${rules.name} as version ${this.#active?.number ?? 0} (${size})`,
      );
    } catch (error) {
      if (added.version && this.#active !== added.version)
        await store.removeRuleVersion(added.version.number);
      throw error;
    }
  }

  /** Removes the active rules, so that all traffic is allowed. @param restored as of `apply` */
  async remove({ actor, comment = '' }: RuleChangeMetadata, restored: number | null): Promise<void> {
    const { store, sets, publish, changed } = this.#context;
    if ((this.#active?.text ?? null) === null) return;
    const content = { name: null, rules: 0, text: null };
    const version = { time: new Date(), actor, comment, restored, ...content };
    const added = await store.addRuleVersion(version);
    try {
      await sets().remove('active');
    } catch (error) {
      await store.removeRuleVersion(added.number);
      throw error;
    }
    this.#active = added;
    changed();
    await publish('rules.removed', `${actor} removed the access rules: all traffic is allowed`);
  }
}

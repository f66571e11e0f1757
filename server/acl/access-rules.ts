import { EventEmitter } from 'node:events';
import type { Logger } from 'pino';
import type { Event, EventType } from '../../contract/event.ts';
import { ProblemError } from '../../contract/problem.ts';
import type {
  ActiveRules,
  DraftRules,
  ImportedRules,
  RulesPlan,
  RuleVersionText,
  WhichRules,
} from '../../contract/rules.ts';
import { activeAnswer, activeTag, draftAnswer, draftTag, noDraft, versionAnswer } from './rule-responses.ts';
import type { RuleStore } from '../store/port.ts';
import type { RuleVersionRecord, StagedRulesRecord } from '../store/records.ts';
import { type JudgedPod, Judging } from './staged/loaded-rule-sets.ts';
import type { RuleKernel } from './load/kernel-rules.ts';
import { checkMatch } from '../http/precondition.ts';
import { watchNodeAddresses } from './load/node-addresses.ts';
import { RemoteCompiler } from './worker/compiler-client.ts';
import { Turns } from './turns.ts';
import { RuleViews } from './rule-queries.ts';

/** After which rules are compiled for pods that went. Those that come do not wait. */
const settleMs = 200;
/** After which a thread that died is started again. */
const reviveMs = 2000;

/** Who changes rules, and from what. */
export interface Change {
  actor: string;
  comment?: string | undefined;
  /** ETag of the state that the change was made from. */
  ifMatch?: string | undefined;
}

export interface RuleOptions {
  books: RuleStore;
  log: Logger;
}

/**
 * The node's access rules: those in force and those that are tried out. What the books hold is what is wanted; it is
 * compiled for the pods there are and loaded, and `problem` says when the kernel could not follow.
 */
export class Rules extends EventEmitter<{ event: [Event]; changed: [WhichRules] }> {
  readonly #books: RuleStore;
  readonly #log: Logger;
  readonly #compiler = new RemoteCompiler((error) => this.#revive(error));
  readonly #turns = new Turns();
  readonly #pods = new Map<string, JudgedPod>();
  #judging!: Judging;
  #views!: RuleViews;
  #active: RuleVersionRecord | null = null;
  #draft: StagedRulesRecord | null = null;
  #again: Promise<void> | null = null;
  #later: NodeJS.Timeout | null = null;
  #told = '';
  #closed = false;
  #unwatch: (() => void) | null = null;

  constructor({ books, log }: RuleOptions) {
    super();
    this.#books = books;
    this.#log = log;
  }

  /**
   * Puts what the books hold in force, before the first packet of a pod meets our programs. Rules that cannot be are
   * told as `problem`; the kernel then goes on as an earlier agent left it.
   */
  async open(kernel: RuleKernel, pods: readonly JudgedPod[]): Promise<void> {
    this.#judging = new Judging(kernel, this.#compiler);
    this.#views = new RuleViews(this.#judging, this.#compiler, this.#pods);
    for (const pod of pods) this.#pods.set(pod.id, pod);
    this.#active = await this.#books.lastRuleVersion();
    this.#draft = (await this.#books.setting('node', 'rules.draft')) as StagedRulesRecord | null;
    for (const set of ['active', 'draft'] as const) {
      if (this.#wanted(set) === null) await this.#judging.takeAway(set);
      else await this.#apply(set).catch(() => {});
    }
  }

  /** Packets of the node itself, by the addresses that it has from now on, are not judged towards pods. */
  async watchNode(): Promise<void> {
    this.#unwatch = await watchNodeAddresses(
      (addresses) => {
        this.#judging.kernel.setNodeAddresses(addresses);
        this.#views.setNodeAddresses(addresses);
      },
      (err) => this.#log.error({ err }, 'the node’s addresses could not be told to the access rules'),
    );
  }

  /** Waits for what is under way; the kernel goes on judging. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#unwatch?.();
    if (this.#later) clearTimeout(this.#later);
    await this.#turns.settled();
    await this.#compiler.close();
  }

  get views(): RuleViews {
    return this.#views;
  }

  /**
   * Makes the rules hold for a pod before it gets a device.
   * @throws ProblemError where they cannot: the pod would be open, or cut off
   */
  async welcome(pod: JudgedPod): Promise<void> {
    this.#pods.set(pod.id, pod);
    try {
      await this.#soon();
    } catch (error) {
      this.#pods.delete(pod.id);
      throw error;
    }
  }

  /** The pod is no longer one of this node, or never became one. */
  leave(id: string): void {
    if (!this.#pods.delete(id) || this.#later || this.#closed) return;
    if (this.#wanted('active') === null && this.#wanted('draft') === null) return;
    this.#later = setTimeout(() => {
      this.#later = null;
      this.#soon().catch(() => {});
    }, settleMs);
  }

  /** Name of a rule by its number in that generation's entries; null: the default, or long ago. */
  ruleName(set: WhichRules, generation: number, number: number): string | null {
    return this.#judging.ruleName(set, generation, number);
  }

  active(): ActiveRules {
    return activeAnswer(this.#active, this.#judging);
  }

  /** What is tried out. */
  draft(): DraftRules | null {
    return this.#draft && draftAnswer(this.#draft, this.#judging);
  }

  /** What a text would do. @throws ProblemError `bad_rules`, `rules_too_large` */
  plan(text: string, rule?: string): Promise<RulesPlan> {
    return this.#compiler.plan(text, this.#all(), rule);
  }

  /** Reads rules of ours or NetworkPolicies. @throws ProblemError `bad_rules`, `rules_too_large` */
  import(text: string): Promise<ImportedRules> {
    return this.#compiler.import(text, this.#all());
  }

  /** Puts a text in force. @throws ProblemError `bad_rules`, `rules_too_large`, `rules_changed`; nothing is changed */
  put(text: string, change: Change): Promise<ActiveRules> {
    return this.#turns.take(async () => {
      checkMatch('put access rules in force', change.ifMatch, activeTag(this.#active));
      await this.#put(text, change, null);
      return this.active();
    });
  }

  /** Takes the rules away: all packets pass. @throws ProblemError `rules_changed` */
  remove(change: Change): Promise<ActiveRules> {
    return this.#turns.take(async () => {
      checkMatch('take the access rules away', change.ifMatch, activeTag(this.#active));
      await this.#remove(change, null);
      return this.active();
    });
  }

  /** Puts rules beside the active ones, to be tried out. @throws ProblemError as `put` */
  putDraft(text: string, change: Change): Promise<DraftRules> {
    return this.#turns.take(async () => {
      checkMatch('save the draft', change.ifMatch, this.#draft && draftTag(this.#draft));
      const own = await this.#compiler.ownText(text);
      const before = this.#draft;
      const draft = {
        text: own,
        base: this.#active?.number ?? 0,
        actor: change.actor,
        time: new Date().toISOString(),
      };
      let saved = false;
      try {
        const { rules, sizes } = await this.#judging.put('draft', own, this.#all(), async () => {
          await this.#books.saveSetting('node', 'rules.draft', draft);
          saved = true;
        });
        this.#draft = draft;
        this.#loaded('draft');
        const counted = `${rules.rules.length} rules, ${sizes.entries} entries`;
        await this.#tell('rules.drafted', `${change.actor} tries out rules ${rules.name} (${counted})`);
      } catch (error) {
        if (saved && this.#draft !== draft) await this.#books.saveSetting('node', 'rules.draft', before);
        throw error;
      }
      return this.draft()!;
    });
  }

  /** Ends trying out; none is as well. @throws ProblemError `rules_changed` */
  removeDraft(change: Change): Promise<void> {
    return this.#turns.take(async () => {
      if (!this.#draft) return;
      checkMatch('remove the draft', change.ifMatch, draftTag(this.#draft));
      await this.#removeDraft();
      await this.#tell('rules.drafted', `${change.actor} removed the draft of access rules`);
    });
  }

  /** Puts the draft in force, and ends trying it out. @throws ProblemError `no_draft`, `rules_changed`, as `put` */
  applyDraft(change: Change): Promise<ActiveRules> {
    return this.#turns.take(async () => {
      const draft = this.#draft;
      if (!draft) throw noDraft();
      checkMatch('apply the draft', change.ifMatch, draftTag(draft));
      const now = this.#active?.number ?? 0;
      if (draft.base !== now)
        throw new ProblemError(
          'rules_changed',
          `apply the draft: it was saved beside version ${draft.base}, and version ${now} is in force`,
          { hint: 'Nothing was changed. Compare it with what is in force, save it again, then apply it.' },
        );
      await this.#put(draft.text, change, null);
      await this.#removeDraft();
      return this.active();
    });
  }

  async versions(page: { before?: string | undefined; limit: number }) {
    const { items, next } = await this.#books.listRuleVersions(page);
    return { items: items.map((record) => versionAnswer(record, this.#active?.number)), next };
  }

  /** @throws ProblemError `version_not_found` */
  async version(number: number): Promise<RuleVersionText> {
    const record = await this.#record(number);
    const set = record.text === null ? null : await this.#compiler.ruleSet(record.text);
    return { ...versionAnswer(record, this.#active?.number), text: record.text, set };
  }

  /** Puts an earlier version in force again, as a new one. @throws ProblemError `version_not_found`, as `put` */
  restore(number: number, change: Change): Promise<ActiveRules> {
    return this.#turns.take(async () => {
      checkMatch(`apply version ${number}`, change.ifMatch, activeTag(this.#active));
      const { text } = await this.#record(number);
      const again = { ...change, comment: change.comment ?? `version ${number} again` };
      if (text === null) await this.#remove(again, number);
      else await this.#put(text, again, number);
      return this.active();
    });
  }

  /** YAML. @throws ProblemError `no_draft`, `not_found` where there is none */
  text(set: WhichRules): string {
    const text = this.#wanted(set);
    if (text !== null) return text;
    if (set === 'draft') throw noDraft();
    throw new ProblemError('not_found', 'no access rules are in force', {
      hint: 'PUT /api/v1/rules puts some in force',
    });
  }

  async #put(text: string, { actor, comment = '' }: Change, restored: number | null): Promise<void> {
    const own = await this.#compiler.ownText(text);
    if (own === this.#active?.text && this.#judging.problem('active') === null) return;
    const before = this.#active;
    let added: RuleVersionRecord | null = null;
    try {
      const { rules, load, sizes } = await this.#judging.put(
        'active',
        own,
        this.#all(),
        async ({ rules }) => {
          const about = { name: rules.name, rules: rules.rules.length, text: own };
          added = await this.#books.addRuleVersion({ time: new Date(), actor, comment, restored, ...about });
        },
      );
      this.#active = added;
      this.#loaded('active');
      const counted = `${rules.rules.length} rules, ${sizes.entries} entries, ${load.written} written`;
      await this.#tell(
        'rules.applied',
        `${actor} put rules ${rules.name} in force as version ${this.#active!.number} (${counted})`,
      );
    } catch (error) {
      if (added && this.#active === before)
        await this.#books.removeRuleVersion((added as RuleVersionRecord).number);
      throw error;
    }
  }

  async #remove({ actor, comment = '' }: Change, restored: number | null): Promise<void> {
    if (this.#wanted('active') === null) return;
    const about = { name: null, rules: 0, text: null };
    const added = await this.#books.addRuleVersion({ time: new Date(), actor, comment, restored, ...about });
    try {
      await this.#judging.takeAway('active');
    } catch (error) {
      await this.#books.removeRuleVersion(added.number);
      throw error;
    }
    this.#active = added;
    this.#loaded('active');
    await this.#tell('rules.removed', `${actor} took the access rules away: all packets pass`);
  }

  async #removeDraft(): Promise<void> {
    await this.#books.saveSetting('node', 'rules.draft', null);
    this.#draft = null;
    await this.#judging.takeAway('draft');
    this.#loaded('draft');
  }

  /** For the pods there are when its turn comes; calls before that are one. */
  #soon(): Promise<void> {
    this.#again ??= this.#turns.take(async () => {
      this.#again = null;
      await this.#apply('draft').catch(() => {});
      await this.#apply('active');
    });
    return this.#again;
  }

  /** A failure is told once, and remembered as the set's problem. */
  async #apply(set: WhichRules): Promise<void> {
    const text = this.#wanted(set);
    if (text === null) return;
    try {
      await this.#judging.again(set, text, this.#all());
      this.#loaded(set);
      if (set === 'active') this.#told = '';
    } catch (err) {
      this.#log.error({ err, set }, 'access rules could not be put in force');
      const message = `The ${set} access rules could not be put in force: ${(err as Error).message}`;
      if (set === 'active' && this.#told !== message) {
        this.#told = message;
        await this.#tell('rules.failed', message, 'error').catch(() => {});
      }
      throw err;
    }
  }

  #loaded(set: WhichRules): void {
    this.#views.forget(set);
    this.emit('changed', set);
  }

  #revive(err: Error): void {
    this.#log.error({ err }, 'the thread that compiles access rules died');
    if (!this.#closed) setTimeout(() => this.#soon().catch(() => {}), reviveMs).unref();
  }

  #wanted(set: WhichRules): string | null {
    return (set === 'active' ? this.#active?.text : this.#draft?.text) ?? null;
  }

  #all(): JudgedPod[] {
    return [...this.#pods.values()];
  }

  async #record(number: number): Promise<RuleVersionRecord> {
    const record = await this.#books.ruleVersion(number);
    if (record) return record;
    throw new ProblemError('version_not_found', `there is no version ${number} of the access rules`, {
      hint: 'GET /api/v1/rules/versions lists those that are kept',
    });
  }

  async #tell(type: EventType, message: string, severity: Event['severity'] = 'info'): Promise<void> {
    try {
      const event = { type, severity, podId: null, migrationId: null, message };
      this.emit('event', await this.#books.addEvent(event));
    } catch (err) {
      this.#log.error({ err, type, message }, 'the event could not be written');
    }
  }
}

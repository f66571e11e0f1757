import type { Logger } from 'pino';
import type { RuleSetName } from '../../contract/rules.ts';
import type { Mutex } from '../async/mutex.ts';
import type { RuleVersionRecord, StagedRulesRecord } from '../store/records.ts';
import type { RuleSetContext } from './staged/staged-rules.ts';

interface RuleReloadContext extends Pick<RuleSetContext, 'sets' | 'pods' | 'publish'> {
  log: Logger;
  changes: Mutex;
  /** Returns the stored rule set; null without one. */
  stored: (set: RuleSetName) => RuleVersionRecord | StagedRulesRecord | null;
  /** Called after a rule set was loaded. */
  loaded: (set: RuleSetName) => void;
}

/** Loads stored rules again: for other pods, for other addresses of the node, or after others changed them in the kernel. */
export class RuleReloads {
  readonly #context: RuleReloadContext;
  #pending: Promise<void> | null = null;
  /** Message of the last published failure, so that a repeated failure is not published again. */
  #publishedFailure = '';

  constructor(context: RuleReloadContext) {
    this.#context = context;
  }

  /** Compiles and loads both rule sets for the current pods. Calls made before a reload starts share the reload. */
  reload(): Promise<void> {
    this.#pending ??= this.#context.changes.run(async () => {
      this.#pending = null;
      // A failure of the staged rules is logged and kept as their problem.
      await this.reapply('staged').catch(() => undefined);
      await this.reapply('active');
    });
    return this.#pending;
  }

  /**
   * Reloads a stored rule text. A failure is published once, recorded as the rule set's problem, and thrown. Callers must
   * serialize calls.
   */
  async reapply(set: RuleSetName): Promise<void> {
    const { stored, sets, pods, loaded, log, publish } = this.#context;
    const record = stored(set);
    if (record === null || record.text === null) return;
    try {
      await sets().reapply(set, record.text, pods(), record);
      loaded(set);
      if (set === 'active') this.#publishedFailure = '';
    } catch (err) {
      log.error({ err, set }, 'access rules could not be loaded');
      const message = `The ${set} access rules could not be loaded: ${(err as Error).message}`;
      if (set === 'active' && this.#publishedFailure !== message) {
        this.#publishedFailure = message;
        await publish('rules.failed', message, 'error');
      }
      throw err;
    }
  }

  /** Loads the rules again if the kernel evaluates others than those that were loaded, and says so. */
  async restoreForeignChanges(): Promise<void> {
    const { sets, changes, stored, publish } = this.#context;
    const { kernel } = sets();
    if (kernel.foreignChanges().length === 0) return;
    await changes.run(async () => {
      const changed = kernel.foreignChanges();
      if (changed.length === 0) return;
      await kernel.resynchronize();
      for (const set of ['staged', 'active'] as const) {
        if ((stored(set)?.text ?? null) === null) await sets().remove(set);
        else await this.reapply(set);
      }
      await publish(
        'rules.restored',
        `Another process changed the ${changed.join(' and the ')} access rules in the kernel; those of this agent are loaded again`,
        'error',
      );
    });
  }
}

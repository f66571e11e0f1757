import type { Migration } from '../../../contract/migration.ts';
import type { TaskScope } from '../../async/task-scope.ts';

const retryMs = 1000;

/**
 * Writes journals, and retries those that a full disk refused, so that no journal of an ended migration stays open. If
 * the agent is killed before a retry succeeds, the next one finds the journal open and recovers the migration.
 */
export class JournalWriter {
  readonly #save: (migration: Migration) => Promise<void>;
  readonly #saved: (migration: Migration) => void;
  readonly #waiting = new Set<Migration>();
  readonly #scope: TaskScope;
  #retrying = false;

  /** Creates a journal writer. @param saved called with a migration whose journal was written by a retry */
  constructor(
    save: (migration: Migration) => Promise<void>,
    saved: (migration: Migration) => void,
    scope: TaskScope,
  ) {
    this.#scope = scope;
    this.#save = save;
    this.#saved = saved;
  }

  /** Writes a migration's journal, and schedules retries if that fails. @throws ProblemError `store_failed` */
  async save(migration: Migration): Promise<void> {
    try {
      await this.#save(migration);
      this.#waiting.delete(migration);
    } catch (error) {
      this.#waiting.add(migration);
      this.#retryLater();
      throw error;
    }
  }

  #retryLater(): void {
    if (this.#retrying) return;
    this.#retrying = true;
    this.#scope.after(retryMs, () => this.#retry());
  }

  async #retry(): Promise<void> {
    this.#retrying = false;
    for (const migration of this.#waiting) {
      // A running migration writes its journal at each step.
      if (migration.state === 'running') continue;
      await this.save(migration).then(
        () => this.#saved(migration),
        () => {},
      );
    }
    if (this.#waiting.size > 0) this.#retryLater();
  }
}

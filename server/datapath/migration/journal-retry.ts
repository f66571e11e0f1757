import type { Migration } from '../../../contract/migration.ts';
import type { TaskScope } from '../../async/task-scope.ts';

const retryMs = 1000;

/**
 * Journals that a full disk kept from being written when their migration ended: what they say is written as soon as
 * that can be, so that none stays open for what has long ended. An agent that is killed before finds them open.
 */
export class Unsaved {
  readonly #save: (migration: Migration) => Promise<void>;
  readonly #saved: (migration: Migration) => void;
  readonly #waiting = new Set<Migration>();
  readonly #scope: TaskScope;
  #retrying = false;

  /** @param saved told of a journal that was written late */
  constructor(
    save: (migration: Migration) => Promise<void>,
    saved: (migration: Migration) => void,
    scope: TaskScope,
  ) {
    this.#scope = scope;
    this.#save = save;
    this.#saved = saved;
  }

  /** Writes the journal now; one that cannot be is kept and tried again. @throws ProblemError `store_failed` */
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
      // One that still runs writes itself.
      if (migration.state === 'running') continue;
      await this.save(migration).then(
        () => this.#saved(migration),
        () => {},
      );
    }
    if (this.#waiting.size > 0) this.#retryLater();
  }
}

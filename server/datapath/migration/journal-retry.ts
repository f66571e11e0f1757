import type { Migration } from '../../../contract/migration.ts';

const retryMs = 1000;

/**
 * Journals that a full disk kept from being written when their migration ended: what they say is written as soon as
 * that can be, so that none stays open for what has long ended. An agent that is killed before finds them open.
 */
export class Unsaved {
  readonly #save: (migration: Migration) => Promise<void>;
  readonly #saved: (migration: Migration) => void;
  readonly #waiting = new Set<Migration>();
  #timer: NodeJS.Timeout | null = null;

  /** @param saved told of a journal that was written late */
  constructor(save: (migration: Migration) => Promise<void>, saved: (migration: Migration) => void) {
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
      this.#timer ??= setTimeout(() => this.#retry(), retryMs);
      throw error;
    }
  }

  close(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#waiting.clear();
  }

  async #retry(): Promise<void> {
    this.#timer = null;
    for (const migration of this.#waiting) {
      // One that still runs writes itself.
      if (migration.state === 'running') continue;
      await this.save(migration).then(
        () => this.#saved(migration),
        () => {},
      );
    }
    if (this.#waiting.size > 0) this.#timer ??= setTimeout(() => this.#retry(), retryMs);
  }
}

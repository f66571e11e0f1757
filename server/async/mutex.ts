/** Runs one task at a time, in the order of the calls. A failed task does not stop the tasks that are waiting. */
export class Mutex {
  #last: Promise<unknown> = Promise.resolve();
  #pending = 0;

  /** True while a task holds the mutex or waits for it. */
  get locked(): boolean {
    return this.#pending > 0;
  }

  run<T>(work: () => T | Promise<T>): Promise<T> {
    this.#pending++;
    const done = this.#last.then(work).finally(() => {
      this.#pending--;
    });
    this.#last = done.catch(() => undefined);
    return done;
  }

  /** Resolves when no task holds the mutex or waits for it, including tasks that were added in the meantime. */
  async idle(): Promise<void> {
    while (this.locked) await this.#last;
  }
}

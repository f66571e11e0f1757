/** Runs one piece of work at a time, in the order of the calls. A failure is the caller's and does not stop the next. */
export class Mutex {
  #last: Promise<unknown> = Promise.resolve();
  #pending = 0;

  /** True while work runs or waits. */
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

  /** Resolves when all work has ended, including work that is added while this waits. */
  async idle(): Promise<void> {
    while (this.locked) await this.#last;
  }
}

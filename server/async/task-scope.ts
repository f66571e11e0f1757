/** Timer of a task scope. Canceling the timer does not interrupt a task that has already started. */
export interface TaskScopeTimer {
  cancel(): void;
}

const cancelled: TaskScopeTimer = { cancel: () => undefined };

/**
 * Owns the promises and timers that a component starts. `close` aborts the signal, cancels the timers and waits for
 * everything that still runs, so that nothing touches a descriptor or the store after its owner is closed. Timers
 * do not keep the process alive.
 */
export class TaskScope {
  readonly #controller = new AbortController();
  readonly #running = new Set<Promise<unknown>>();
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #failed: (error: unknown) => void;

  /** Creates a task scope. @param failed receives the errors of tasks that no caller awaits: those of `start`, `after` and `every` */
  constructor(failed: (error: unknown) => void) {
    this.#failed = failed;
  }

  /** Signal that is aborted when the scope closes. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get closed(): boolean {
    return this.signal.aborted;
  }

  /**
   * Runs a task that the caller awaits, and makes `close` wait for the task.
   * @throws the abort reason if the scope is closed
   */
  async run<T>(work: (signal: AbortSignal) => T | Promise<T>): Promise<T> {
    this.signal.throwIfAborted();
    const done = (async () => work(this.signal))();
    this.#running.add(done);
    try {
      return await done;
    } finally {
      this.#running.delete(done);
    }
  }

  /** Starts a task that no caller awaits. A closed scope starts no tasks. */
  start(work: (signal: AbortSignal) => unknown): void {
    if (this.closed) return;
    void this.run(work).catch((error: unknown) => {
      // Work of a closing scope is meant to end by its abort.
      if (!(this.closed && isAbort(error))) this.#failed(error);
    });
  }

  /** Starts a task after `ms` milliseconds. */
  after(ms: number, work: (signal: AbortSignal) => unknown): TaskScopeTimer {
    if (this.closed) return cancelled;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      this.start(work);
    }, ms);
    timer.unref();
    this.#timers.add(timer);
    return {
      cancel: () => {
        clearTimeout(timer);
        this.#timers.delete(timer);
      },
    };
  }

  /**
   * Starts a task every `ms` milliseconds, measured from the end of the previous run. A failed run does not end the
   * series.
   */
  every(ms: number | (() => number), work: (signal: AbortSignal) => unknown): TaskScopeTimer {
    let timer = cancelled;
    let ended = false;
    const arm = (): void => {
      timer = this.after(typeof ms === 'number' ? ms : ms(), async (signal) => {
        try {
          await work(signal);
        } finally {
          if (!ended) arm();
        }
      });
    };
    arm();
    return {
      cancel: () => {
        ended = true;
        timer.cancel();
      },
    };
  }

  /** Closes the scope and waits for its tasks. A task of the scope must not await `close`, because it would wait for itself. */
  async close(): Promise<void> {
    this.#controller.abort();
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
  }
}

const isAbort = (error: unknown): boolean => error instanceof Error && error.name === 'AbortError';

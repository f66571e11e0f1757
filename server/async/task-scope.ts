/** A timer of a task scope. Cancelling it does not interrupt work that it has already started. */
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

  /** @param failed receives errors of work that no caller awaits: of `start`, `after` and `every` */
  constructor(failed: (error: unknown) => void) {
    this.#failed = failed;
  }

  /** Aborted when the scope closes. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get closed(): boolean {
    return this.signal.aborted;
  }

  /** Runs work that the caller awaits, and makes `close` wait for it. @throws the abort reason once the scope is closed */
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

  /** Starts work without a caller that awaits it. Once the scope is closed it starts nothing. */
  start(work: (signal: AbortSignal) => unknown): void {
    if (this.closed) return;
    void this.run(work).catch((error: unknown) => {
      // Work of a closing scope is meant to end by its abort.
      if (!(this.closed && isAbort(error))) this.#failed(error);
    });
  }

  /** Starts work after `ms`. */
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

  /** Starts work every `ms`, counted from the end of the one before. A failure does not end the series. */
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

  /** Must not be awaited by work of the scope itself: it would wait for its own end. */
  async close(): Promise<void> {
    this.#controller.abort();
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
  }
}

const isAbort = (error: unknown): boolean => error instanceof Error && error.name === 'AbortError';

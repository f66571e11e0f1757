import { setTimeout as sleep } from 'node:timers/promises';

export interface RetryOptions {
  /** Calls in all, at least 1. */
  attempts: number;
  /** Milliseconds between two calls. */
  pauseMs: number;
  /** Returns false for an error that another attempt would not change. Default: every error is retried. */
  retryable?: (error: unknown) => boolean;
  /** Ends the pause, and with it the retries, by its reason. */
  signal?: AbortSignal;
}

/** Calls `work` until it succeeds. @throws the last error */
export async function retry<T>(
  work: (attempt: number) => T | Promise<T>,
  { attempts, pauseMs, retryable = () => true, signal }: RetryOptions,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work(attempt);
    } catch (error) {
      if (attempt >= attempts || !retryable(error)) throw error;
      await sleep(pauseMs, undefined, signal === undefined ? {} : { signal });
    }
  }
}

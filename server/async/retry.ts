import { setTimeout as sleep } from 'node:timers/promises';

export interface RetryOptions {
  /** Maximum number of calls, including the first; at least 1. */
  attempts: number;
  /** Pause between two calls, in milliseconds. */
  pauseMs: number;
  /** Returns false for errors that a retry cannot fix. Without this function, every error is retried. */
  retryable?: (error: unknown) => boolean;
  /** Signal that ends the retries; `retry` then rejects with the abort reason. */
  signal?: AbortSignal;
}

/** Calls `work` until it succeeds or the attempts are used up. @throws the error of the last attempt */
export async function retryWithPause<T>(
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

import { Worker } from 'node:worker_threads';
import { ProblemError } from '../../../contract/problem.ts';
import { setSafeTimeout } from '../../async/safe-timers.ts';
import type { ResultingText, SubmittedText } from './parsed-text.ts';
import { asProblemError } from './problem-of-thread.ts';
import type { ImportedText } from './rule-compiler.ts';
import type { ImportContext, TextParserRequest, TextParserResponse } from './text-parser-messages.ts';

/** Heap limit of the thread: a text of the largest size has a document of 300 MB. */
const resourceLimits = { maxOldGenerationSizeMb: 768, maxYoungGenerationSizeMb: 32 };
/** Time in ms that a text may take. The largest rule sets take a tenth of it. */
const limitMs = 30_000;
/** Time in ms after which an idle thread is stopped. */
const idleMs = 10_000;
/** Maximum number of texts that wait for the thread. */
const maxWaiting = 16;

interface Job {
  request: TextParserRequest;
  signal: AbortSignal | undefined;
  resolve: (value: never) => void;
  reject: (error: unknown) => void;
}

/**
 * Parses texts of callers in a thread that does nothing else, one after the other. Attaching pods never waits for it. A
 * text that takes too long, or whose caller is gone, ends the thread; the next text gets a new one.
 */
export class TextParser {
  readonly #waiting: Job[] = [];
  #running: Job | null = null;
  #worker: Worker | null = null;
  #limit: NodeJS.Timeout | null = null;
  #idle: NodeJS.Timeout | null = null;
  #closed = false;

  /**
   * Parses a text, merged if it is to be.
   * @throws ProblemError `bad_rules`, `unprocessable`, `too_many`, `stopping`; the reason of an aborted signal
   */
  parse(submitted: SubmittedText, signal?: AbortSignal): Promise<ResultingText> {
    return this.#add({ method: 'parse', submitted }, signal);
  }

  /** Parses and compiles a text for nobody but the caller. @throws ProblemError as `parse`, `rules_too_large` */
  import(submitted: SubmittedText, context: ImportContext, signal?: AbortSignal): Promise<ImportedText> {
    return this.#add({ method: 'import', submitted, context }, signal);
  }

  async close(): Promise<void> {
    this.#closed = true;
    const stopping = new ProblemError('stopping', 'the agent is stopping');
    for (const job of this.#waiting.splice(0)) job.reject(stopping);
    this.#running?.reject(stopping);
    await this.#endThread();
  }

  async #add<T>(request: TextParserRequest, signal: AbortSignal | undefined): Promise<T> {
    if (this.#closed) throw new ProblemError('stopping', 'the agent is stopping');
    signal?.throwIfAborted();
    if (this.#waiting.length >= maxWaiting)
      throw new ProblemError('too_many', `${maxWaiting} rules texts wait to be parsed already`, {
        hint: 'Try again in a moment.',
      });
    return new Promise((resolve, reject) => {
      const job: Job = { request, signal, resolve, reject };
      signal?.addEventListener('abort', () => this.#cancel(job, signal.reason), { once: true });
      this.#waiting.push(job);
      this.#next();
    });
  }

  #next(): void {
    if (this.#running !== null || this.#closed) return;
    const job = this.#waiting.shift();
    if (job === undefined) {
      this.#worker?.unref();
      this.#idle ??= setSafeTimeout(() => void this.#endThread(), idleMs).unref();
      return;
    }
    if (this.#idle !== null) clearTimeout(this.#idle);
    this.#idle = null;
    this.#running = job;
    this.#limit = setSafeTimeout(() => this.#cancel(job, tooSlow()), limitMs);
    const worker = this.#thread();
    worker.ref();
    worker.postMessage(job.request);
  }

  #thread(): Worker {
    if (this.#worker !== null) return this.#worker;
    const worker = new Worker(new URL('./text-parser-thread.ts', import.meta.url), {
      name: 'rules text',
      resourceLimits,
    });
    const lost = (error: Error): void => {
      if (this.#worker !== worker) return;
      this.#worker = null;
      this.#settle((job) => job.reject(tooLarge(error)));
    };
    worker.on('message', (response: TextParserResponse) => {
      if (this.#worker !== worker) return;
      this.#settle((job) => {
        if ('value' in response) job.resolve(response.value as never);
        else job.reject('problem' in response ? asProblemError(response.problem) : response.error);
      });
    });
    worker.on('error', lost);
    worker.on('exit', (code) => lost(new Error(`it exited with code ${code}`)));
    this.#worker = worker;
    return worker;
  }

  #settle(settle: (job: Job) => void): void {
    const job = this.#running;
    this.#running = null;
    if (this.#limit !== null) clearTimeout(this.#limit);
    this.#limit = null;
    if (job !== null) settle(job);
    this.#next();
  }

  /** Gives a text up: one that waits is left out, one that is parsed ends the thread. */
  #cancel(job: Job, reason: unknown): void {
    const place = this.#waiting.indexOf(job);
    if (place >= 0) {
      this.#waiting.splice(place, 1);
      job.reject(reason);
    } else if (this.#running === job) {
      void this.#endThread();
      this.#settle(({ reject }) => reject(reason));
    }
  }

  async #endThread(): Promise<void> {
    const worker = this.#worker;
    this.#worker = null;
    if (this.#idle !== null) clearTimeout(this.#idle);
    if (this.#limit !== null) clearTimeout(this.#limit);
    this.#idle = null;
    this.#limit = null;
    await worker?.terminate();
  }
}

const tooSlow = (): ProblemError =>
  new ProblemError('bad_rules', `parse access rules: the text takes longer than ${limitMs / 1000} s`, {
    hint: 'Nothing was changed. Split the text, or use CIDRs, port ranges and selectors that match more.',
  });

const tooLarge = (cause: Error): ProblemError =>
  new ProblemError('bad_rules', `parse access rules: the text takes too much memory (${cause.message})`, {
    cause,
    hint: 'Nothing was changed. Split the text, or use CIDRs, port ranges and selectors that match more.',
  });

import { Worker } from 'node:worker_threads';
import { type Problem, ProblemError } from '../../../contract/problem.ts';
import type { RuleCompiler } from './rule-compiler.ts';

type Method = keyof RuleCompiler;

/** The methods of `RuleCompiler`, each of which returns a promise. */
export type AsyncRuleCompiler = {
  [M in Method]: (...args: Parameters<RuleCompiler[M]>) => Promise<ReturnType<RuleCompiler[M]>>;
};

/** Request sent to the compiler thread. */
export interface RuleCompilerRequest {
  id: number;
  method: Method;
  args: unknown[];
}

/** Response from the compiler thread. */
export type RuleCompilerResponse = { id: number } & (
  | { value: unknown }
  | { problem: Problem }
  | { error: unknown }
);

/**
 * Heap limit of the compiler thread, enough for 10,000 rules. Without a limit, V8 uses twice the memory needed for
 * 1,000 rules.
 */
const resourceLimits = { maxOldGenerationSizeMb: 512, maxYoungGenerationSizeMb: 32 };
/** Time in ms after which a compiler thread without loaded rule sets is stopped. */
const idleMs = 10_000;

interface PendingRequest {
  resolve: (value: never) => void;
  reject: (error: unknown) => void;
}

/**
 * Runs a `RuleCompiler` in a worker thread: large rule sets take longer to compile than samples and verdict events can
 * wait. The thread is started on demand and kept while it has a rule set.
 */
export class RuleCompilerClient implements AsyncRuleCompiler {
  readonly #onLost: (error: Error) => void;
  readonly #pending = new Map<number, PendingRequest>();
  /** Names of the rule sets that the compiler thread holds. */
  readonly #sets = new Set<string>();
  #worker: Worker | null = null;
  #idle: NodeJS.Timeout | null = null;
  #lastId = 0;

  /**
   * Creates a client; the compiler thread starts with the first call.
   * @param onLost called if the thread died and its rule sets must be prepared and committed again
   */
  constructor(onLost: (error: Error) => void) {
    this.#onLost = onLost;
  }

  import = this.#method('import');
  plan = this.#method('plan');
  prepare = this.#method('prepare');
  ruleSet = this.#method('ruleSet');
  ruleSetText = this.#method('ruleSetText');
  explain = this.#method('explain');
  entries = this.#method('entries');
  statistics = this.#method('statistics');
  rule = this.#method('rule');

  async commit(...args: Parameters<RuleCompiler['commit']>): Promise<void> {
    this.#sets.add(args[0]);
    await this.#call('commit', args);
  }

  async discard(...args: Parameters<RuleCompiler['discard']>): Promise<void> {
    this.#sets.delete(args[0]);
    if (this.#worker) await this.#call('discard', args);
  }

  async close(): Promise<void> {
    this.#sets.clear();
    const worker = this.#worker;
    this.#abandonThread(new ProblemError('stopping', 'the agent is stopping'));
    await worker?.terminate();
  }

  #method<M extends Method>(method: M): AsyncRuleCompiler[M] {
    return ((...args: unknown[]) => this.#call(method, args)) as unknown as AsyncRuleCompiler[M];
  }

  #call(method: Method, args: unknown[]): Promise<never> {
    const id = ++this.#lastId;
    const worker = this.#thread();
    // An agent that is starting has nothing else that keeps its process alive.
    worker.ref();
    if (this.#idle) clearTimeout(this.#idle);
    this.#idle = null;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject });
      worker.postMessage({ id, method, args } satisfies RuleCompilerRequest);
    });
  }

  #thread(): Worker {
    if (this.#worker) return this.#worker;
    const worker = new Worker(new URL('./compiler-thread.ts', import.meta.url), {
      name: 'rules',
      resourceLimits,
    });
    const lost = (error: Error) => {
      if (this.#worker !== worker) return;
      const hadRules = this.#sets.size > 0;
      this.#abandonThread(
        new ProblemError('internal', `the thread that compiles access rules ended: ${error.message}`, {
          cause: error,
          hint: 'The rules in the kernel are unchanged. See the agent’s log for the cause.',
        }),
      );
      this.#sets.clear();
      if (hadRules) this.#onLost(error);
    };
    worker.on('message', (response: RuleCompilerResponse) => this.#settle(response));
    worker.on('error', lost);
    worker.on('exit', (code) => lost(new Error(`it exited with code ${code}`)));
    worker.unref();
    this.#worker = worker;
    return worker;
  }

  #settle(response: RuleCompilerResponse): void {
    const request = this.#pending.get(response.id);
    this.#pending.delete(response.id);
    if ('value' in response) request?.resolve(response.value as never);
    else request?.reject('problem' in response ? asError(response.problem) : response.error);
    if (this.#pending.size > 0) return;
    this.#worker?.unref();
    if (this.#sets.size > 0) return;
    this.#idle = setTimeout(() => {
      const worker = this.#worker;
      this.#worker = null;
      // A thread that does not stop in order is gone all the same.
      worker?.terminate().catch(() => undefined);
    }, idleMs).unref();
  }

  /** Rejects all pending requests. The next call starts a new compiler thread. */
  #abandonThread(error: Error): void {
    this.#worker = null;
    if (this.#idle) clearTimeout(this.#idle);
    this.#idle = null;
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }
}

const asError = ({ code, detail, hint, errors }: Problem): ProblemError =>
  new ProblemError(code, detail, {
    ...(hint === undefined ? {} : { hint }),
    ...(errors === undefined ? {} : { errors }),
  });

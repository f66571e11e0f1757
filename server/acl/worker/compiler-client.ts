import { Worker } from 'node:worker_threads';
import { type Problem, ProblemError } from '../../../contract/problem.ts';
import type { Compiler } from './rule-compiler.ts';

type Method = keyof Compiler;

/** A `Compiler` somewhere else. */
export type Remote = {
  [M in Method]: (...args: Parameters<Compiler[M]>) => Promise<ReturnType<Compiler[M]>>;
};

export interface Call {
  id: number;
  method: Method;
  args: unknown[];
}

export type Answer = { id: number } & ({ value: unknown } | { problem: Problem } | { error: unknown });

/** Ten thousand rules fit; without a bound, a thousand take twice the memory that they need. */
const resourceLimits = { maxOldGenerationSizeMb: 512, maxYoungGenerationSizeMb: 32 };
/** After which a thread that holds no rules ends. */
const idleMs = 10_000;

interface Waiting {
  resolve: (value: never) => void;
  reject: (error: unknown) => void;
}

/**
 * A `Compiler` in a thread of its own: rules of a company take longer to read and compile than samples and
 * verdicts can wait. The thread is there while it holds a set, and a while after a call.
 */
export class RemoteCompiler implements Remote {
  readonly #onLost: (error: Error) => void;
  readonly #waiting = new Map<number, Waiting>();
  readonly #holds = new Set<string>();
  #worker: Worker | null = null;
  #idle: NodeJS.Timeout | null = null;
  #last = 0;

  /** @param onLost is told of a thread that died: its sets are to be staged and kept again */
  constructor(onLost: (error: Error) => void) {
    this.#onLost = onLost;
  }

  import = this.#method('import');
  plan = this.#method('plan');
  stage = this.#method('stage');
  ruleSet = this.#method('ruleSet');
  ownText = this.#method('ownText');
  explain = this.#method('explain');
  entries = this.#method('entries');
  statistics = this.#method('statistics');
  rule = this.#method('rule');

  async keep(...args: Parameters<Compiler['keep']>): Promise<void> {
    this.#holds.add(args[0]);
    await this.#call('keep', args);
  }

  async drop(...args: Parameters<Compiler['drop']>): Promise<void> {
    this.#holds.delete(args[0]);
    if (this.#worker) await this.#call('drop', args);
  }

  async close(): Promise<void> {
    this.#holds.clear();
    const worker = this.#worker;
    this.#forget(new ProblemError('stopping', 'the agent is stopping'));
    await worker?.terminate();
  }

  #method<M extends Method>(method: M): Remote[M] {
    return ((...args: unknown[]) => this.#call(method, args)) as unknown as Remote[M];
  }

  #call(method: Method, args: unknown[]): Promise<never> {
    const id = ++this.#last;
    const worker = this.#thread();
    // An agent that starts waits for nothing else.
    worker.ref();
    if (this.#idle) clearTimeout(this.#idle);
    this.#idle = null;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      worker.postMessage({ id, method, args } satisfies Call);
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
      const held = this.#holds.size > 0;
      this.#forget(
        new ProblemError('internal', `the thread that compiles access rules ended: ${error.message}`, {
          cause: error,
          hint: 'The rules in the kernel stay as they are. The agent’s log has the cause.',
        }),
      );
      this.#holds.clear();
      if (held) this.#onLost(error);
    };
    worker.on('message', (answer: Answer) => this.#answered(answer));
    worker.on('error', lost);
    worker.on('exit', (code) => lost(new Error(`it ended with code ${code}`)));
    worker.unref();
    this.#worker = worker;
    return worker;
  }

  #answered(answer: Answer): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if ('value' in answer) waiting?.resolve(answer.value as never);
    else waiting?.reject('problem' in answer ? asError(answer.problem) : answer.error);
    if (this.#waiting.size > 0) return;
    this.#worker?.unref();
    if (this.#holds.size > 0) return;
    this.#idle = setTimeout(() => {
      const worker = this.#worker;
      this.#worker = null;
      void worker?.terminate();
    }, idleMs).unref();
  }

  #forget(error: Error): void {
    this.#worker = null;
    if (this.#idle) clearTimeout(this.#idle);
    this.#idle = null;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}

function asError({ code, detail, hint, errors }: Problem): ProblemError {
  return new ProblemError(code, detail, {
    ...(hint === undefined ? {} : { hint }),
    ...(errors === undefined ? {} : { errors }),
  });
}

import { Worker } from 'node:worker_threads';
import { type Problem, ProblemError } from '../../../contract/problem.ts';
import type { RuleSet } from '../../../contract/rule-set.ts';
import type { RulesPlan } from '../../../contract/rules.ts';
import { setSafeTimeout } from '../../async/safe-timers.ts';
import type { ClusterPolicy } from '../cluster/cluster-policy.ts';
import type { SelectablePod } from '../spec/pod-matching.ts';
import type { SubmittedText } from './parsed-text.ts';
import { asProblemError } from './problem-of-thread.ts';
import type { ImportedText, RuleCompiler } from './rule-compiler.ts';
import { TextParser } from './text-parser.ts';

type Method = keyof RuleCompiler;

/** The methods of `RuleCompiler`, each of which returns a promise. */
type AsyncMethods = {
  [M in Method]: (...args: Parameters<RuleCompiler[M]>) => Promise<ReturnType<RuleCompiler[M]>>;
};

/** A submitted text, and a signal that is aborted when its caller is gone. */
export interface CallersText extends SubmittedText {
  signal?: AbortSignal | undefined;
}

/** `RuleCompiler` as the access rules see it: texts of callers come in through `import`, `plan` and `parse`. */
export interface AsyncRuleCompiler extends Omit<AsyncMethods, 'import' | 'plan' | 'remember'> {
  /** As `RuleCompiler.import`. @throws ProblemError also `unprocessable` */
  import(text: CallersText, pods: readonly SelectablePod[], active: RuleSet | null): Promise<ImportedText>;
  /** As `RuleCompiler.plan`. @throws ProblemError also `unprocessable` */
  plan(text: CallersText, pods: readonly SelectablePod[], rule?: string): Promise<RulesPlan>;
  /**
   * Parses a text and returns the one to apply and store: itself, or the merged one. Methods that get that text next need
   * not parse it again.
   * @throws ProblemError `bad_rules`, `unprocessable`
   */
  parse(text: CallersText): Promise<string>;
}

/** What a compiler thread starts with. */
export interface CompilerThreadData {
  nodeAddresses: readonly string[];
  policies: readonly ClusterPolicy[];
  peers: readonly SelectablePod[];
}

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
  readonly #parser = new TextParser();
  readonly #pending = new Map<number, PendingRequest>();
  /** Names of the rule sets that the compiler thread holds. */
  readonly #sets = new Set<string>();
  #worker: Worker | null = null;
  #idle: NodeJS.Timeout | null = null;
  #lastId = 0;
  #nodeAddresses: readonly string[] = [];
  #policies: readonly ClusterPolicy[] = [];
  readonly #peers = new Map<string, SelectablePod>();

  /**
   * Creates a client; the compiler thread starts with the first call.
   * @param onLost called if the thread died and its rule sets must be prepared and committed again
   */
  constructor(onLost: (error: Error) => void) {
    this.#onLost = onLost;
  }

  prepare = this.#method('prepare');
  ruleSet = this.#method('ruleSet');
  explain = this.#method('explain');
  entries = this.#method('entries');
  statistics = this.#method('statistics');
  rule = this.#method('rule');
  matchedPeers = this.#method('matchedPeers');

  /** Sets the addresses of the node, for this compiler thread and those that replace it. */
  async setNodeAddresses(addresses: readonly string[]): Promise<void> {
    this.#nodeAddresses = addresses;
    if (this.#worker) await this.#call('setNodeAddresses', [addresses]);
  }

  /** Sets the NetworkPolicies of the cluster, for this compiler thread and those that replace it. */
  async setClusterPolicies(policies: readonly ClusterPolicy[]): Promise<void> {
    this.#policies = policies;
    if (this.#worker) await this.#call('setClusterPolicies', [policies]);
  }

  /**
   * Changes the pods of other nodes, for this compiler thread and those that replace it.
   * @returns whether what the rules select has changed
   */
  async changePeers(put: readonly SelectablePod[], removed: readonly string[]): Promise<boolean> {
    for (const id of removed) this.#peers.delete(id);
    for (const pod of put) this.#peers.set(pod.id, pod);
    return this.#worker === null ? false : this.#call('changePeers', [put, removed]);
  }

  import(
    { signal, ...submitted }: CallersText,
    pods: readonly SelectablePod[],
    active: RuleSet | null,
  ): Promise<ImportedText> {
    const cluster = { policies: this.#policies, peers: [...this.#peers.values()] };
    const context = { pods, nodeAddresses: this.#nodeAddresses, cluster, active };
    return this.#parser.import(submitted, context, signal);
  }

  async plan(text: CallersText, pods: readonly SelectablePod[], rule?: string): Promise<RulesPlan> {
    return this.#call('plan', [await this.parse(text), pods, rule]);
  }

  async parse({ signal, ...submitted }: CallersText): Promise<string> {
    const { text, parsed } = await this.#parser.parse(submitted, signal);
    await this.#call('remember', [text, parsed]);
    return text;
  }

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
    await this.#parser.close();
    const worker = this.#worker;
    this.#abandonThread(new ProblemError('stopping', 'the agent is stopping'));
    await worker?.terminate();
  }

  #method<M extends Method>(method: M): AsyncMethods[M] {
    return ((...args: unknown[]) => this.#call(method, args)) as unknown as AsyncMethods[M];
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
      workerData: {
        nodeAddresses: this.#nodeAddresses,
        policies: this.#policies,
        peers: [...this.#peers.values()],
      } satisfies CompilerThreadData,
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
    else request?.reject('problem' in response ? asProblemError(response.problem) : response.error);
    if (this.#pending.size > 0) return;
    this.#worker?.unref();
    if (this.#sets.size > 0) return;
    this.#idle = setSafeTimeout(() => {
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

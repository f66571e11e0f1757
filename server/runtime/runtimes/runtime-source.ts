import { statSync } from 'node:fs';
import type { Runtime } from '../../../contract/observed-pod.ts';
import { TaskScope, type TaskScopeTimer } from '../../async/task-scope.ts';
import { startWorkCost } from '../../async/work-cost.ts';
import type { RuntimeClient, RuntimePod } from './runtime-pod.ts';

/** Time in ms between two questions that nobody asked for, to hear of changed labels. */
const periodMs = 15_000;
/** Shortest time in ms between two questions, and how many times longer than the last answer took it is at least. */
const leastPauseMs = 200;
const pauseFactor = 20;
/** Time in ms after which a question counts as unanswered. */
const answerWithinMs = 5000;
/** Pauses in ms before a runtime that does not answer is asked again: doubled each time. */
const firstRetryMs = 1000;
const longestRetryMs = 30_000;
/** Time in ms between two looks for a socket that does not exist. */
const absentMs = 5000;

/**
 * Keeps what one runtime knows of its pods. A runtime that does not answer is asked again with growing pauses; its pods
 * stay as it told them last.
 */
export class RuntimeSource {
  readonly client: RuntimeClient;
  readonly #changed: () => void;
  readonly #scope: TaskScope;
  #pods: readonly RuntimePod[] = [];
  #byInode = new Map<number, RuntimePod>();
  #byContainer = new Map<string, RuntimePod>();
  #state: Runtime['state'] = 'absent';
  #since = new Date();
  #detail: string | null = null;
  #name: string;
  #version: string | null = null;
  #retryMs = firstRetryMs;
  #timer: TaskScopeTimer | null = null;
  #dueAt = Number.POSITIVE_INFINITY;
  #readyAt = 0;
  #asking = false;
  #askAgain = false;
  #following = false;

  /** @param changed called when pods or the state changed @param failed receives errors of the agent itself */
  constructor(client: RuntimeClient, changed: () => void, failed: (error: unknown) => void) {
    this.client = client;
    this.#name = client.name;
    this.#changed = changed;
    this.#scope = new TaskScope(failed);
  }

  get pods(): readonly RuntimePod[] {
    return this.#pods;
  }

  get connected(): boolean {
    return this.#state === 'connected';
  }

  get name(): string {
    return this.#name;
  }

  findByInode(inode: number): RuntimePod | undefined {
    return this.#byInode.get(inode);
  }

  findByContainer(id: string): RuntimePod | undefined {
    return this.#byContainer.get(id);
  }

  describe(): Omit<Runtime, 'pods'> {
    return {
      kind: this.client.kind,
      name: this.#name,
      version: this.#version,
      path: this.client.path,
      state: this.#state,
      detail: this.#detail,
      since: this.#since.toISOString(),
    };
  }

  start(): void {
    this.#askWithin(0);
  }

  /** Asks the runtime as soon as may be, because something changed on the node. */
  refresh(): void {
    if (this.#asking) this.#askAgain = true;
    else if (this.#state === 'connected') this.#askWithin(0);
    // A runtime that starts makes its socket before its first pod.
    else if (this.#state === 'absent' && this.#exists()) this.#askWithin(0);
  }

  async close(): Promise<void> {
    await this.#scope.close();
    this.client.close?.();
  }

  #exists(): boolean {
    return statSync(this.client.path, { throwIfNoEntry: false }) !== undefined;
  }

  #askWithin(ms: number): void {
    const at = Math.max(performance.now() + ms, this.#readyAt);
    if (at >= this.#dueAt && this.#timer !== null) return;
    this.#timer?.cancel();
    this.#dueAt = at;
    this.#timer = this.#scope.after(Math.max(0, at - performance.now()), (signal) => {
      this.#timer = null;
      this.#dueAt = Number.POSITIVE_INFINITY;
      return this.#ask(signal);
    });
  }

  async #ask(signal: AbortSignal): Promise<void> {
    if (!this.#exists()) {
      this.#setState('absent', null);
      this.#askWithin(absentMs);
      return;
    }
    this.#asking = true;
    this.#askAgain = false;
    const cost = startWorkCost();
    try {
      const limit = AbortSignal.any([signal, AbortSignal.timeout(answerWithinMs)]);
      const { name, version, pods, partial = false } = await this.client.list(limit);
      // What the agent itself spent, not what it waited for the runtime.
      this.#readyAt = performance.now() + Math.max(leastPauseMs, pauseFactor * cost());
      this.#retryMs = firstRetryMs;
      this.#name = name;
      this.#version = version;
      this.#setPods(pods);
      this.#setState('connected', null);
      this.#changed();
      this.#askWithin(partial || this.#askAgain ? 0 : periodMs);
      this.#follow();
    } catch (error) {
      if (signal.aborted) return;
      this.#setState('unreachable', messageOf(error));
      this.#readyAt = performance.now() + this.#retryMs;
      this.#askWithin(this.#retryMs);
      this.#retryMs = Math.min(longestRetryMs, this.#retryMs * 2);
    } finally {
      this.#asking = false;
    }
  }

  #setPods(pods: readonly RuntimePod[]): void {
    this.#pods = pods;
    this.#byInode = new Map();
    this.#byContainer = new Map();
    for (const pod of pods) {
      for (const id of pod.containerIds) this.#byContainer.set(id, pod);
      if (pod.inode !== null && !pod.hostNetwork && !this.#byInode.has(pod.inode))
        this.#byInode.set(pod.inode, pod);
    }
  }

  #setState(state: Runtime['state'], detail: string | null): void {
    const changed = state !== this.#state;
    this.#detail = detail;
    if (!changed) return;
    this.#state = state;
    this.#since = new Date();
    this.#changed();
  }

  /** Listens to the runtime's events; when they end, the next answer starts it again. */
  #follow(): void {
    const { client } = this;
    if (client.follow === undefined || this.#following) return;
    this.#following = true;
    this.#scope.start(async (signal) => {
      try {
        await client.follow?.(() => this.refresh(), signal);
      } catch {
        // The runtime is asked anyway; whether it answers decides its state.
      } finally {
        this.#following = false;
        if (!signal.aborted) this.#askWithin(firstRetryMs);
      }
    });
  }
}

function messageOf(error: unknown): string {
  if (error instanceof Error && error.name === 'TimeoutError')
    return `no answer within ${answerWithinMs / 1000} s`;
  return error instanceof Error ? error.message : String(error);
}

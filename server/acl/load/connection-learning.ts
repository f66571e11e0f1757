import { setTimeout as sleep } from 'node:timers/promises';
import type { RulesLearning } from '../../../contract/rules.ts';
import type { KernelRules } from './kernel-rules.ts';

export interface ConnectionLearningOptions {
  /** Time in ms to learn in; 0 learns nothing. */
  milliseconds: number;
  kernel: KernelRules;
  /** Called when learning begins. @param until time at which it ends, in ms since the epoch */
  begun: (until: number) => Promise<void>;
}

/**
 * Learns which connections exist before the first rules are loaded. Meanwhile everything passes, as without rules, and the
 * programs record which flows packets of both ends belong to. Sockets and the kernel's conntrack tell of others.
 */
export class ConnectionLearning {
  readonly #options: ConnectionLearningOptions;
  /** Time in ms since the epoch at which learning ends; null if nothing is learned. */
  #until: number | null = null;
  /** Number of changes that learning is for. */
  #changes = 0;

  constructor(options: ConnectionLearningOptions) {
    this.#options = options;
  }

  /** Returns until when is learned, and how many connections were seen; null if nothing is learned. */
  get state(): RulesLearning | null {
    const { kernel } = this.#options;
    if (this.#until === null || evaluatesRules(kernel)) return null;
    const { pods } = kernel.connectionUse();
    return {
      until: new Date(this.#until).toISOString(),
      connections: pods.reduce((sum, { connections }) => sum + connections, 0),
    };
  }

  /**
   * Learns, then runs the change that loads the first rules, which ends the learning. Does not learn while rules are
   * evaluated.
   * @throws the reason of an aborted signal, and errors of the change
   */
  async before<T>(signals: readonly (AbortSignal | undefined)[], change: () => Promise<T>): Promise<T> {
    const { milliseconds, kernel } = this.#options;
    if (milliseconds === 0 || (this.#until === null && !kernel.startLearning())) return change();
    this.#changes += 1;
    try {
      await this.#wait(AbortSignal.any(signals.filter((signal) => signal !== undefined)));
      return await change();
    } finally {
      this.#changes -= 1;
      if (this.#changes === 0) {
        kernel.stopLearning();
        this.#until = null;
      }
    }
  }

  async #wait(signal: AbortSignal): Promise<void> {
    const { milliseconds, begun } = this.#options;
    if (this.#until === null) {
      this.#until = Date.now() + milliseconds;
      await begun(this.#until);
    }
    try {
      await sleep(Math.max(0, this.#until - Date.now()), undefined, { signal });
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    }
  }
}

const evaluatesRules = (kernel: KernelRules): boolean =>
  kernel.generation('active') !== null || kernel.generation('staged') !== null;

import { setTimeout as sleep } from 'node:timers/promises';
import type { HookFamily } from '../../../contract/device.ts';
import { ProblemError } from '../../../contract/problem.ts';
import { TaskScope } from '../../async/task-scope.ts';
import { type DatapathContext, formatPodName } from '../datapath-context.ts';
import { moveProgramsToFamily } from '../device/move-hooks.ts';
import { defaultHookFamily } from '../device/program-hooks.ts';
import { hasKernelCapability } from '../kernel-context.ts';
import { withPod } from '../pod-activity.ts';
import { getCurrentDevice, type LivePod } from '../pod-registry.ts';

/** Time in ms without a call of a runtime after which programs are moved. */
const quietMs = 1000;

/**
 * Moves the programs of containers from clsact filters, where they were attached without waiting, to the hooks that devices
 * of their kind have. Each move holds RTNL for two RCU grace periods: they are made while no runtime waits.
 */
export class ProperHooks {
  readonly #context: DatapathContext;
  readonly #scope: TaskScope;
  readonly #queue = new Set<LivePod>();
  #lastCall = Number.NEGATIVE_INFINITY;
  #running = false;

  constructor(context: DatapathContext) {
    this.#context = context;
    this.#scope = new TaskScope((err) => context.log.error({ err }, 'move the programs of containers'));
  }

  /** Number of containers whose programs are to be moved. */
  get size(): number {
    return [...this.#queue].filter((pod) => this.#isMisplaced(pod)).length;
  }

  /** Returns the hook family that a container's programs are attached to at first; undefined for that of its kind. */
  chooseFirst(needsOwn: boolean): HookFamily | undefined {
    return !needsOwn && hasKernelCapability(this.#context.kernel, 'clsact') ? 'tc' : undefined;
  }

  /** Notes a call of a runtime. */
  noteCall(): void {
    this.#lastCall = performance.now();
  }

  /** Moves the programs of a pod soon, if they are not where they belong. */
  add(pod: LivePod): void {
    if (!this.#isMisplaced(pod)) return;
    this.#queue.add(pod);
    if (this.#running) return;
    this.#running = true;
    this.#scope.start(async () => {
      try {
        await this.#run();
      } finally {
        this.#running = false;
      }
    });
  }

  close(): Promise<void> {
    return this.#scope.close();
  }

  #isMisplaced(pod: LivePod): boolean {
    if (this.#context.registry.get(pod.record.id) !== pod) return false;
    const { hooks, kind } = getCurrentDevice(pod);
    return hooks === 'tc' && defaultHookFamily(this.#context.kernel, kind) !== 'tc';
  }

  async #run(): Promise<void> {
    for (;;) {
      const wait = this.#lastCall + quietMs - performance.now();
      if (wait > 0) {
        await sleep(wait, undefined, { signal: this.#scope.signal, ref: false });
        continue;
      }
      const [pod] = this.#queue;
      if (pod === undefined || this.#scope.closed) return;
      this.#queue.delete(pod);
      if (this.#isMisplaced(pod)) await this.#move(pod);
    }
  }

  async #move(pod: LivePod): Promise<void> {
    const { kernel, publish, log } = this.#context;
    const what = `move the programs of ${formatPodName(pod)}`;
    try {
      await withPod(pod, { type: 'moving-hooks' }, what, () => {
        const family = defaultHookFamily(kernel, getCurrentDevice(pod).kind);
        return moveProgramsToFamily(this.#context, pod, family, what);
      });
      publish.pod(pod);
    } catch (err) {
      // Whoever holds it may replace the device, whose programs are attached where they belong then.
      if (err instanceof ProblemError && busyCodes.has(err.code))
        this.#scope.after(quietMs, () => this.add(pod));
      else log.warn({ err, pod: pod.record.id }, what);
    }
  }
}

const busyCodes: ReadonlySet<string> = new Set(['pod_busy', 'migration_running']);

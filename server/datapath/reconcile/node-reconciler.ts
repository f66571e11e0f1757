import type { ConditionReason } from '../../../contract/condition.ts';
import { Mutex } from '../../async/mutex.ts';
import type { TaskScope } from '../../async/task-scope.ts';
import { type DatapathContext, replaceCondition, setPodCondition } from '../datapath-context.ts';
import { DriftRepairs, type DriftSubject } from './drift-repairs.ts';
import { ForeignDevices } from './foreign-devices.ts';
import { detectNodeDrift } from './node-drift.ts';

/** Milliseconds between two checks of the node: the kernel does not report that pins are removed. */
export const nodeResyncMs = 5000;
/** Conditions of the node that its pods do not have. */
const onlyOfNode = new Set<ConditionReason>(['rp_filter_strict', 'slot_taken']);
/** Milliseconds to collect related events: a sysctl of all interfaces changes one after another. */
const debounceMs = 100;

/**
 * Reconciles what all pods of the node share: pins and forwarding. What it does not repair is a condition of the node, and
 * of every pod that does not work without it.
 */
export class NodeReconciler {
  readonly #context: DatapathContext;
  readonly #scope: TaskScope;
  readonly #repairs = new DriftRepairs();
  readonly #pinsRestored: () => void;
  readonly #foreignDevices: ForeignDevices;
  readonly #mutex = new Mutex();
  #queued = false;

  /**
   * @param scope task scope that owns the timers
   * @param pinsRestored called when pins were restored, so that the pods are reconciled soon
   */
  constructor(context: DatapathContext, scope: TaskScope, pinsRestored: () => void) {
    this.#context = context;
    this.#pinsRestored = pinsRestored;
    this.#foreignDevices = new ForeignDevices(context);
    this.#scope = scope;
  }

  /** Schedules the node to be reconciled soon. */
  enqueue(): void {
    if (this.#queued) return;
    this.#queued = true;
    this.#scope.after(debounceMs, () => {
      this.#queued = false;
      return this.reconcile();
    });
  }

  /** Compares the node with what its pods need and repairs the difference. Runs once at a time. */
  reconcile(): Promise<void> {
    return this.#mutex.run(() =>
      this.#repairs
        .run(this.#subject(), () => detectNodeDrift(this.#context, this.#foreignDevices, this.#pinsRestored))
        .catch((error: unknown) => this.#context.log.error({ err: error }, 'reconcile the node')),
    );
  }

  #subject(): DriftSubject {
    const { nodeConditions, registry, publish } = this.#context;
    return {
      name: 'the node',
      conditions: () => [...nodeConditions.keys()],
      setCondition: (key, found) => {
        replaceCondition(nodeConditions, key, found);
        // A strict filter of all interfaces does not reach the primaries, and a device of others no pod.
        if (found !== null && onlyOfNode.has(found.reason)) return;
        for (const pod of registry.all()) setPodCondition(this.#context, pod, `node ${key}`, found);
      },
      publish: (severity, message) =>
        publish.event({ type: 'drift', severity, podId: null, migrationId: null, message }),
      runAgain: (ms) => {
        this.#scope.after(ms, () => this.reconcile());
      },
    };
  }
}

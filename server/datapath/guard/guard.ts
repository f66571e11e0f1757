import type {
  GuardThresholdOverrides,
  GuardThresholds,
  NodeGuard,
  PodGuard,
} from '../../../contract/guard.ts';
import { guardThresholdDefaults } from '../../../contract/guard-thresholds.ts';
import { TaskScope } from '../../async/task-scope.ts';
import { type DatapathContext, formatPodName, setPodCondition } from '../datapath-context.ts';
import { EchoSockets } from '../echo/echo-sockets.ts';
import type { MigrationController } from '../migration/migration-controller.ts';
import { isPodIdle, runningMigrationId } from '../pod-activity.ts';
import { getCurrentDevice, type LivePod } from '../pod-registry.ts';
import { wrapAsProblemError } from '../wrap-as-problem.ts';
import {
  type EscalationState,
  initialEscalationState,
  isNodeWideFailure,
  nextEscalationAction,
} from './escalation-policy.ts';
import { GuardActions } from './guard-actions.ts';
import {
  guardCondition,
  guardEventTemplates,
  guardStatusMessage,
  nodeWideFailureMessage,
} from './guard-messages.ts';
import { addGuardAction, GuardStore, type PodGuardState } from './guard-state-store.ts';
import { createGuardAction, type GuardedPod, monotonicEpochMs } from './guarded-pod.ts';
import { PodGuardSignals } from './pod-signals.ts';

/** Period in milliseconds in which the guard evaluates each pod; the evaluations are spread over the period. */
const periodMs = 1000;
const ticksPerPeriod = 10;
/** Maximum number of fallbacks that the guard runs at the same time. */
const maxFallbacks = 4;

/**
 * Watches pods on netkit, and those that it moved off it: repairs, falls back to veth, and stops, with evidence.
 * Missing programs of a pod that it watches are repaired by the guard, not by reconciling.
 */
export class PodHealthGuard {
  readonly #context: DatapathContext;
  readonly #actions: GuardActions;
  readonly #scope: TaskScope;
  readonly #sockets = new EchoSockets();
  readonly #pods = new Map<string, GuardedPod>();
  #store: GuardStore | null = null;

  /** Creates the guard. @param enqueue enqueues a pod for reconciling, which repairs everything except programs */
  constructor(context: DatapathContext, migrations: MigrationController, enqueue: (pod: LivePod) => void) {
    this.#context = context;
    this.#scope = new TaskScope((error) => context.log.error({ err: error }, 'guard'));
    this.#actions = new GuardActions({
      context,
      migrations,
      enqueue,
      save: (guarded, state) => this.#save(guarded, state),
    });
  }

  /** Reads the stored settings and pod states, and starts the evaluations. */
  async start(): Promise<void> {
    this.#store = await GuardStore.open(this.#context);
    for (const pod of this.#context.registry.all()) this.#guarded(pod);
    this.#scope.every(periodMs / ticksPerPeriod, () => this.#tick());
  }

  /** Stops the guard and waits for running evaluations and actions. Pending probes end as unanswered. */
  async close(): Promise<void> {
    this.#sockets.close();
    await this.#scope.close();
  }

  /**
   * Returns true if the guard, and not reconciling, repairs the pod's missing programs; then the guard also checks
   * them soon.
   */
  repairsPrograms(pod: LivePod): boolean {
    if (this.#store === null || getCurrentDevice(pod).kind !== 'netkit' || !this.#thresholds(pod).on)
      return false;
    const guarded = this.#guarded(pod);
    // The guard repairs nothing any more, but programs are never left off.
    if (guarded.state.escalation.stage === 'left-alone') return false;
    guarded.signals.checkHooksSoon();
    guarded.nextEvaluation = 0;
    return true;
  }

  /** Discards the guard's state of a pod that left the node. */
  removed(podId: string): void {
    this.#pods.delete(podId);
    this.#scope.start(() => this.#store?.forget(podId));
  }

  node(): NodeGuard {
    const { choices } = this.#opened();
    const pods = this.#context.registry.all().map((pod) => this.#guarded(pod));
    return {
      chosen: choices.get('node') ?? null,
      thresholds: { ...guardThresholdDefaults, ...choices.get('node') },
      defaults: guardThresholdDefaults,
      pods: {
        watched: pods.filter((guarded) => this.#watches(guarded)).length,
        fallenBack: this.#count('fallen-back'),
        leftAlone: this.#count('left-alone'),
        chosen: pods.filter(({ pod }) => choices.has(pod.record.id)).length,
      },
    };
  }

  /**
   * Sets the guard's settings for the node.
   * @throws ProblemError `store_failed`; the previous settings then remain in effect
   */
  async chooseForNode(choice: GuardThresholdOverrides, actor: string): Promise<NodeGuard> {
    await this.#choose('node', Object.keys(choice).length === 0 ? null : choice);
    await this.#context.publish.event(guardEventTemplates.settingsChanged(null, 'the node', choice, actor));
    return this.node();
  }

  /** Returns the guard's state of a pod. @throws ProblemError `pod_not_found` */
  of(id: string): PodGuard {
    const guarded = this.#guarded(this.#context.registry.require(id));
    const { pod, signals, state } = guarded;
    const thresholds = this.#thresholds(pod);
    const watched = this.#watches(guarded);
    return {
      podId: pod.record.id,
      chosen: this.#opened().choices.get(pod.record.id) ?? null,
      thresholds,
      stage: state.escalation.stage,
      watched,
      status:
        signals.probe === 'failing' && this.#nodeFails()
          ? nodeWideFailureMessage
          : guardStatusMessage(state, getCurrentDevice(pod).kind, thresholds),
      readings: watched ? signals.readings(thresholds) : [],
      actions: [...state.actions],
    };
  }

  /**
   * @param choice settings of the pod; null to use the node's settings
   * @throws ProblemError `pod_not_found`, `store_failed`
   */
  async chooseForPod(id: string, choice: GuardThresholdOverrides | null, actor: string): Promise<PodGuard> {
    const pod = this.#context.registry.require(id);
    await this.#choose(pod.record.id, choice);
    this.#context.publish.pod(pod);
    await this.#context.publish.event(
      guardEventTemplates.settingsChanged(pod.record.id, formatPodName(pod), choice, actor),
    );
    return this.of(id);
  }

  /**
   * Resumes automatic recovery of a pod that the guard moved to veth or gave up on.
   * @throws ProblemError `pod_not_found`
   */
  async resume(id: string, actor: string): Promise<PodGuard> {
    const guarded = this.#guarded(this.#context.registry.require(id));
    await guarded.evaluating;
    const { pod, state } = guarded;
    guarded.signals.restart();
    const { lastAction } = state.escalation;
    await this.#save(
      guarded,
      addGuardAction(
        { ...state, escalation: { ...initialEscalationState, lastAction } },
        createGuardAction(monotonicEpochMs(), 'resume', [`resumed by ${actor}`]),
      ),
    );
    await this.#context.publish.event(guardEventTemplates.resumed(pod, actor));
    return this.of(id);
  }

  async #choose(scope: string, choice: GuardThresholdOverrides | null): Promise<void> {
    try {
      await this.#opened().choose(scope, choice);
    } catch (error) {
      throw wrapAsProblemError(error);
    }
    for (const { pod, signals } of this.#pods.values())
      if (scope === 'node' || scope === pod.record.id) signals.restart();
  }

  #opened(): GuardStore {
    if (this.#store === null) throw new Error('the guard has not started');
    return this.#store;
  }

  #thresholds(pod: LivePod): GuardThresholds {
    const { choices } = this.#opened();
    return { ...guardThresholdDefaults, ...choices.get('node'), ...choices.get(pod.record.id) };
  }

  #nodeFails(): boolean {
    const probes = [...this.#pods.values()].map(({ signals }) => signals.probe);
    const failing = probes.filter((state) => state === 'failing').length;
    return isNodeWideFailure(failing, failing + probes.filter((state) => state === 'healthy').length);
  }

  #count(stage: EscalationState['stage']): number {
    return [...this.#pods.values()].filter(({ state }) => state.escalation.stage === stage).length;
  }

  #watches({ pod, state }: GuardedPod): boolean {
    if (!this.#thresholds(pod).on) return false;
    return getCurrentDevice(pod).kind === 'netkit' || state.escalation.stage !== 'watching';
  }

  #guarded(pod: LivePod): GuardedPod {
    const known = this.#pods.get(pod.record.id);
    if (known?.pod === pod) return known;
    const now = monotonicEpochMs();
    const guarded: GuardedPod = {
      pod,
      signals: new PodGuardSignals(this.#context.kernel, pod, this.#sockets, this.#scope),
      state: this.#opened().state(pod.record.id, now),
      evaluating: null,
      // Pods with consecutive numbers are evaluated in different ticks.
      nextEvaluation: now + ((pod.record.number % ticksPerPeriod) / ticksPerPeriod) * periodMs,
    };
    this.#pods.set(pod.record.id, guarded);
    setPodCondition(this.#context, pod, 'guard', guardCondition(guarded.state));
    return guarded;
  }

  /** Starts the evaluations that are due. */
  #tick(): void {
    const now = monotonicEpochMs();
    for (const pod of this.#context.registry.all()) {
      const guarded = this.#guarded(pod);
      if (guarded.evaluating || guarded.nextEvaluation > now) continue;
      guarded.nextEvaluation = Math.max(guarded.nextEvaluation + periodMs, now + periodMs / 2);
      if (!this.#watches(guarded)) continue;
      guarded.evaluating = this.#evaluate(guarded, now).finally(() => {
        guarded.evaluating = null;
      });
      this.#scope.start(() => guarded.evaluating);
    }
  }

  async #evaluate(guarded: GuardedPod, now: number): Promise<void> {
    const { pod, signals, state } = guarded;
    try {
      if (runningMigrationId(pod) !== null) return signals.restart();
      if (!isPodIdle(pod)) return;
      const thresholds = this.#thresholds(pod);
      if (!(await signals.measure(thresholds, now)) || this.#scope.closed) return;
      const failing = signals
        .readings(thresholds)
        .filter(({ signal, state }) => state === 'failing' && !(signal === 'probe' && this.#nodeFails()))
        .map(({ evidence, since }) => `${evidence}${since === null ? '' : `, since ${since.slice(0, 19)}Z`}`);
      const situation = { kind: getCurrentDevice(pod).kind, busy: !isPodIdle(pod), failing };
      const { state: escalation, action } = nextEscalationAction(
        state.escalation,
        situation,
        thresholds,
        now,
      );
      if (action?.action === 'fallback' && this.#count('falling-back') >= maxFallbacks) return;
      if (action) await this.#actions.execute(guarded, escalation, action);
      else if (escalation !== state.escalation) await this.#save(guarded, { ...state, escalation });
    } catch (error) {
      this.#context.log.error({ err: error, pod: pod.record.id }, 'guard');
    }
  }

  async #save(guarded: GuardedPod, state: PodGuardState): Promise<void> {
    guarded.state = state;
    setPodCondition(this.#context, guarded.pod, 'guard', guardCondition(state));
    await this.#opened().save(guarded.pod.record.id, state);
  }
}

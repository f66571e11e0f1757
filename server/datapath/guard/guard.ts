import { setTimeout as sleep } from 'node:timers/promises';
import { type GuardChoice, type GuardThresholds, type NodeGuard, type PodGuard } from '../../../contract/guard.ts';
import { guardDefaults } from '../../../contract/guard-thresholds.ts';
import { type DatapathContext, podName, setCondition } from '../context.ts';
import { asProblemError } from '../errors.ts';
import type { Migrations } from '../migration/migrations.ts';
import { currentDevice, type LivePod } from '../pod-registry.ts';
import { GuardActions } from './actions.ts';
import { type EscalationState, initialEscalation, isNodeWide, nextAction } from './escalation-policy.ts';
import { clock, type GuardedPod, isBusy, newAction } from './guarded-pod.ts';
import { conditionMessage, guardEvents, nodeWideFailureMessage, stateMessage } from './messages.ts';
import { EchoSockets } from './pod-probes.ts';
import { PodSignals } from './pod-signals.ts';
import { type GuardState, GuardStore, withAction } from './state.ts';

/** Every pod has a round a second; pods take turns within it. */
const roundMs = 1000;
const turnsPerRound = 10;
/** Migrations of the guard that run at the same time. */
const fallbacksAtOnce = 4;

/**
 * Watches the pods on netkit, and those it took off it: repairs, falls back to veth, and gives up, with evidence.
 * Programs of pods that it watches are its to repair, not reconciling's.
 */
export class Guard {
  readonly #context: DatapathContext;
  readonly #acts: GuardActions;
  readonly #sockets = new EchoSockets();
  readonly #pods = new Map<string, GuardedPod>();
  #store: GuardStore | null = null;
  #running: Promise<void> | null = null;
  #closing = false;

  /** @param look has reconciling look at the pod: for what of a device is not its programs */
  constructor(context: DatapathContext, migrations: Migrations, look: (pod: LivePod) => void) {
    this.#context = context;
    this.#acts = new GuardActions({
      context,
      migrations,
      look,
      keep: (guarded, kept) => this.#keep(guarded, kept),
    });
  }

  /** Reads what was chosen and how far it had gone, and begins. */
  async start(): Promise<void> {
    this.#store = await GuardStore.open(this.#context);
    for (const pod of this.#context.registry.all()) this.#of(pod);
    this.#running = this.#turns();
  }

  /** Waits for rounds that run. */
  async close(): Promise<void> {
    this.#closing = true;
    await this.#running;
    await Promise.all([...this.#pods.values()].map(({ evaluating: round }) => round));
    this.#sockets.close();
  }

  /** Whether programs missing from the pod's hooks are for the guard to repair, or to leave; looks at them soon. */
  owns(pod: LivePod): boolean {
    if (this.#store === null || currentDevice(pod).kind !== 'netkit' || !this.#thresholds(pod).on)
      return false;
    const guarded = this.#of(pod);
    guarded.signals.checkHooksSoon();
    guarded.nextEvaluation = 0;
    return true;
  }

  removed(podId: string): void {
    this.#pods.delete(podId);
    void this.#store?.forget(podId);
  }

  node(): NodeGuard {
    const store = this.#must();
    const pods = this.#context.registry.all().map((pod) => this.#of(pod));
    return {
      chosen: store.choices.get('node') ?? null,
      thresholds: { ...guardDefaults, ...store.choices.get('node') },
      defaults: guardDefaults,
      pods: {
        watched: pods.filter((guarded) => this.#watches(guarded)).length,
        fallenBack: this.#count('fallen-back'),
        leftAlone: this.#count('left-alone'),
        chosen: pods.filter(({ pod }) => store.choices.has(pod.record.id)).length,
      },
    };
  }

  /** @throws ProblemError `store_failed`; then nothing has changed */
  async chooseForNode(choice: GuardChoice, actor: string): Promise<NodeGuard> {
    await this.#choose('node', Object.keys(choice).length === 0 ? null : choice);
    await this.#context.publish.event(guardEvents.settingsChanged(null, 'the node', choice, actor));
    return this.node();
  }

  /** @throws ProblemError `pod_not_found` */
  of(id: string): PodGuard {
    const guarded = this.#of(this.#context.registry.require(id));
    const { pod, signals: watch, state: kept } = guarded;
    const thresholds = this.#thresholds(pod);
    const watched = this.#watches(guarded);
    return {
      podId: pod.record.id,
      chosen: this.#must().choices.get(pod.record.id) ?? null,
      thresholds,
      stage: kept.ladder.stage,
      watched,
      sentence:
        watch.probe === 'failing' && this.#nodeFails()
          ? nodeWideFailureMessage
          : stateMessage(kept, currentDevice(pod).kind, thresholds),
      readings: watched ? watch.readings(thresholds) : [],
      acts: [...kept.acts],
    };
  }

  /** @param choice null: as for the node @throws ProblemError `pod_not_found`, `store_failed` */
  async chooseForPod(id: string, choice: GuardChoice | null, actor: string): Promise<PodGuard> {
    const pod = this.#context.registry.require(id);
    await this.#choose(pod.record.id, choice);
    this.#context.publish.pod(pod);
    await this.#context.publish.event(
      guardEvents.settingsChanged(pod.record.id, podName(pod), choice, actor),
    );
    return this.of(id);
  }

  /** Begins anew with a pod that it left alone or took to veth. @throws ProblemError `pod_not_found` */
  async resume(id: string, actor: string): Promise<PodGuard> {
    const guarded = this.#of(this.#context.registry.require(id));
    await guarded.evaluating;
    const { pod, state: kept } = guarded;
    guarded.signals.restart();
    await this.#keep(
      guarded,
      withAction(
        { ...kept, ladder: { ...initialEscalation, lastAct: kept.ladder.lastAct } },
        newAction(clock(), 'resume', [`resumed by ${actor}`]),
      ),
    );
    await this.#context.publish.event(guardEvents.resumed(pod, actor));
    return this.of(id);
  }

  async #choose(scope: string, choice: GuardChoice | null): Promise<void> {
    try {
      await this.#must().choose(scope, choice);
    } catch (error) {
      throw asProblemError(error);
    }
    for (const { pod, signals: watch } of this.#pods.values())
      if (scope === 'node' || scope === pod.record.id) watch.restart();
  }

  #must(): GuardStore {
    if (this.#store === null) throw new Error('the guard has not started');
    return this.#store;
  }

  #thresholds(pod: LivePod): GuardThresholds {
    const { choices } = this.#must();
    return { ...guardDefaults, ...choices.get('node'), ...choices.get(pod.record.id) };
  }

  #nodeFails(): boolean {
    const probes = [...this.#pods.values()].map(({ signals: watch }) => watch.probe);
    const failing = probes.filter((state) => state === 'failing').length;
    return isNodeWide(failing, failing + probes.filter((state) => state === 'well').length);
  }

  #count(stage: EscalationState['stage']): number {
    return [...this.#pods.values()].filter(({ state: kept }) => kept.ladder.stage === stage).length;
  }

  #watches({ pod, state: kept }: GuardedPod): boolean {
    if (!this.#thresholds(pod).on) return false;
    return currentDevice(pod).kind === 'netkit' || kept.ladder.stage !== 'watching';
  }

  #of(pod: LivePod): GuardedPod {
    const there = this.#pods.get(pod.record.id);
    if (there?.pod === pod) return there;
    const now = clock();
    const guarded: GuardedPod = {
      pod,
      signals: new PodSignals(this.#context.kernel, pod, this.#sockets),
      state: this.#must().state(pod.record.id, now),
      evaluating: null,
      // Neighbours by number are a turn apart.
      nextEvaluation: now + ((pod.record.number % turnsPerRound) / turnsPerRound) * roundMs,
    };
    this.#pods.set(pod.record.id, guarded);
    setCondition(this.#context, pod, 'guard', conditionMessage(guarded.state));
    return guarded;
  }

  async #turns(): Promise<void> {
    while (!this.#closing) {
      const now = clock();
      for (const pod of this.#context.registry.all()) {
        const guarded = this.#of(pod);
        if (guarded.evaluating || guarded.nextEvaluation > now) continue;
        guarded.nextEvaluation = Math.max(guarded.nextEvaluation + roundMs, now + roundMs / 2);
        if (!this.#watches(guarded)) continue;
        guarded.evaluating = this.#round(guarded, now).finally(() => {
          guarded.evaluating = null;
        });
      }
      await sleep(roundMs / turnsPerRound, undefined, { ref: false });
    }
  }

  async #round(guarded: GuardedPod, now: number): Promise<void> {
    const { pod, signals: watch, state: kept } = guarded;
    try {
      if (pod.migration) return watch.restart();
      if (isBusy(pod)) return;
      const thresholds = this.#thresholds(pod);
      if (!(await watch.measure(thresholds, now)) || this.#closing) return;
      const failing = watch
        .readings(thresholds)
        .filter(({ signal, state }) => state === 'failing' && !(signal === 'probe' && this.#nodeFails()))
        .map(({ evidence, since }) => `${evidence}${since === null ? '' : `, since ${since.slice(0, 19)}Z`}`);
      const situation = { kind: currentDevice(pod).kind, busy: isBusy(pod), failing };
      const { state, act } = nextAction(kept.ladder, situation, thresholds, now);
      if (act?.act === 'fallback' && this.#count('falling-back') >= fallbacksAtOnce) return;
      if (act) await this.#acts.execute(guarded, state, act);
      else if (state !== kept.ladder) await this.#keep(guarded, { ...kept, ladder: state });
    } catch (error) {
      this.#context.log.error({ err: error, pod: pod.record.id }, 'guard');
    }
  }

  async #keep(guarded: GuardedPod, kept: GuardState): Promise<void> {
    guarded.state = kept;
    setCondition(this.#context, guarded.pod, 'guard', conditionMessage(kept));
    await this.#must().save(guarded.pod.record.id, kept);
  }
}

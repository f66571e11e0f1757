import { setTimeout as sleep } from 'node:timers/promises';
import {
  type GuardAct,
  type GuardChoice,
  type GuardThresholds,
  guardDefaults,
  type NodeGuard,
  type PodGuard,
} from '../../../contract/guard.ts';
import { attend, type Core, nameOf } from '../core.ts';
import type { Migrations } from '../migrations.ts';
import { settleHooks } from '../move-hooks.ts';
import { attachPrograms, pointAt } from '../programs.ts';
import { asProblemError } from '../refusal.ts';
import { currentDevice, type LivePod } from '../registry.ts';
import { GuardBooks, type Kept, withAct } from './kept.ts';
import { atRest, decide, type LadderAct, type LadderState } from './ladder.ts';
import { EchoSockets } from './probes.ts';
import { attentionOf, eventOf, sentenceOf } from './sentences.ts';
import { PodWatch } from './watch.ts';

/** Every pod has a round a second; pods take turns within it. */
const roundMs = 1000;
const turnsPerRound = 10;

interface Guarded {
  pod: LivePod;
  watch: PodWatch;
  kept: Kept;
  /** A round of it runs. */
  round: Promise<void> | null;
  nextRound: number;
}

/** ms since the epoch, never going back while the agent runs. */
const clock = (): number => Math.round(performance.timeOrigin + performance.now());

/**
 * Watches the pods on netkit, and those it took off it: repairs, falls back to veth, and gives up, with evidence.
 * Programs of pods that it watches are its to repair, not reconciling's.
 */
export class Guard {
  readonly #core: Core;
  readonly #migrations: Migrations;
  readonly #look: (pod: LivePod) => void;
  readonly #sockets = new EchoSockets();
  readonly #pods = new Map<string, Guarded>();
  #books: GuardBooks | null = null;
  #running: Promise<void> | null = null;
  #closing = false;

  /** @param look has reconciling look at the pod: for what of a device is not its programs */
  constructor(core: Core, migrations: Migrations, look: (pod: LivePod) => void) {
    this.#core = core;
    this.#migrations = migrations;
    this.#look = look;
  }

  /** Reads what was chosen and how far it had gone, and begins. */
  async start(): Promise<void> {
    this.#books = await GuardBooks.open(this.#core);
    for (const pod of this.#core.registry.all()) this.#of(pod);
    this.#running = this.#turns();
  }

  /** Waits for rounds that run. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#sockets.close();
    await this.#running;
    await Promise.all([...this.#pods.values()].map(({ round }) => round));
  }

  /** Whether programs missing from the pod's hooks are for the guard to repair, or to leave; looks at them soon. */
  owns(pod: LivePod): boolean {
    if (this.#books === null || currentDevice(pod).kind !== 'netkit' || !this.#thresholds(pod).on)
      return false;
    const guarded = this.#of(pod);
    guarded.watch.hasten();
    guarded.nextRound = 0;
    return true;
  }

  removed(podId: string): void {
    this.#pods.delete(podId);
    void this.#books?.forget(podId);
  }

  node(): NodeGuard {
    const books = this.#must();
    const pods = this.#core.registry.all().map((pod) => this.#of(pod));
    const count = (which: (guarded: Guarded) => boolean): number => pods.filter(which).length;
    return {
      chosen: books.choices.get('node') ?? null,
      thresholds: { ...guardDefaults, ...books.choices.get('node') },
      defaults: guardDefaults,
      pods: {
        watched: count((guarded) => this.#watches(guarded)),
        fallenBack: count(({ kept }) => kept.ladder.stage === 'fallen-back'),
        leftAlone: count(({ kept }) => kept.ladder.stage === 'left-alone'),
        chosen: count(({ pod }) => books.choices.has(pod.record.id)),
      },
    };
  }

  /** @throws ProblemError `inventory_failed`; then nothing has changed */
  async chooseForNode(choice: GuardChoice, actor: string): Promise<NodeGuard> {
    await this.#choose('node', Object.keys(choice).length === 0 ? null : choice);
    await this.#core.tell.event(eventOf.chosen(null, 'the node', choice, actor));
    return this.node();
  }

  /** @throws ProblemError `pod_not_found` */
  of(id: string): PodGuard {
    const guarded = this.#of(this.#core.registry.must(id));
    const { pod, watch, kept } = guarded;
    const thresholds = this.#thresholds(pod);
    const watched = this.#watches(guarded);
    return {
      podId: pod.record.id,
      chosen: this.#must().choices.get(pod.record.id) ?? null,
      thresholds,
      stage: kept.ladder.stage,
      watched,
      sentence: sentenceOf(kept, currentDevice(pod).kind, thresholds),
      readings: watched ? watch.readings(thresholds) : [],
      acts: [...kept.acts],
    };
  }

  /** @param choice null: as for the node @throws ProblemError `pod_not_found`, `inventory_failed` */
  async chooseForPod(id: string, choice: GuardChoice | null, actor: string): Promise<PodGuard> {
    const pod = this.#core.registry.must(id);
    await this.#choose(pod.record.id, choice);
    this.#core.tell.pod(pod);
    await this.#core.tell.event(eventOf.chosen(pod.record.id, nameOf(pod), choice, actor));
    return this.of(id);
  }

  /** Begins anew with a pod that it left alone or took to veth. @throws ProblemError `pod_not_found` */
  async resume(id: string, actor: string): Promise<PodGuard> {
    const guarded = this.#of(this.#core.registry.must(id));
    await guarded.round;
    const { pod, kept } = guarded;
    guarded.watch.restart();
    await this.#keep(
      guarded,
      withAct(
        { ...kept, ladder: { ...atRest, lastAct: kept.ladder.lastAct } },
        actNow('resume', [`resumed by ${actor}`]),
      ),
    );
    await this.#core.tell.event(eventOf.resumed(pod, actor));
    return this.of(id);
  }

  async #choose(scope: string, choice: GuardChoice | null): Promise<void> {
    try {
      await this.#must().choose(scope, choice);
    } catch (error) {
      throw asProblemError(error);
    }
    for (const { pod, watch } of this.#pods.values())
      if (scope === 'node' || scope === pod.record.id) watch.restart();
  }

  #must(): GuardBooks {
    if (this.#books === null) throw new Error('the guard has not started');
    return this.#books;
  }

  #thresholds(pod: LivePod): GuardThresholds {
    const { choices } = this.#must();
    return { ...guardDefaults, ...choices.get('node'), ...choices.get(pod.record.id) };
  }

  #watches({ pod, kept }: Guarded): boolean {
    if (!this.#thresholds(pod).on) return false;
    return currentDevice(pod).kind === 'netkit' || kept.ladder.stage !== 'watching';
  }

  #of(pod: LivePod): Guarded {
    const there = this.#pods.get(pod.record.id);
    if (there?.pod === pod) return there;
    const now = clock();
    const guarded: Guarded = {
      pod,
      watch: new PodWatch(this.#core.ground, pod, this.#sockets),
      kept: this.#must().state(pod.record.id, now),
      round: null,
      // Neighbours by number are a turn apart.
      nextRound: now + ((pod.record.number % turnsPerRound) / turnsPerRound) * roundMs,
    };
    this.#pods.set(pod.record.id, guarded);
    attend(this.#core, pod, 'guard', attentionOf(guarded.kept));
    return guarded;
  }

  async #turns(): Promise<void> {
    while (!this.#closing) {
      const now = clock();
      for (const pod of this.#core.registry.all()) {
        const guarded = this.#of(pod);
        if (guarded.round || guarded.nextRound > now) continue;
        guarded.nextRound = Math.max(guarded.nextRound + roundMs, now + roundMs / 2);
        if (!this.#watches(guarded)) continue;
        guarded.round = this.#round(guarded, now).finally(() => {
          guarded.round = null;
        });
      }
      await sleep(roundMs / turnsPerRound, undefined, { ref: false });
    }
  }

  async #round(guarded: Guarded, now: number): Promise<void> {
    const { pod, watch, kept } = guarded;
    try {
      if (pod.migration) return watch.restart();
      if (isBusy(pod)) return;
      const thresholds = this.#thresholds(pod);
      if (!(await watch.measure(thresholds, now)) || this.#closing) return;
      const failing = watch
        .readings(thresholds)
        .filter(({ state }) => state === 'failing')
        .map(({ evidence, since }) => `${evidence}${since === null ? '' : `, since ${since.slice(0, 19)}Z`}`);
      const situation = { kind: currentDevice(pod).kind, busy: isBusy(pod), failing };
      const { state, act } = decide(kept.ladder, situation, thresholds, now);
      if (act) await this.#act(guarded, state, act);
      else if (state !== kept.ladder) await this.#keep(guarded, { ...kept, ladder: state });
    } catch (error) {
      this.#core.log.error({ err: error, pod: pod.record.id }, 'guard');
    }
  }

  /** Kept before it is done: an agent that is killed meanwhile knows how far it went. */
  async #act(guarded: Guarded, ladder: LadderState, { act, because }: LadderAct): Promise<void> {
    const { pod, kept } = guarded;
    await this.#keep(guarded, { ...kept, ladder });
    // Something else may have begun while that was written.
    if (isBusy(pod)) return this.#keep(guarded, kept);
    const told = actNow(act, because);
    try {
      if (act === 'repair') await this.#repair(pod);
      if (act === 'fallback')
        told.migrationId = (await this.#migrations.start(pod, 'veth', 'guard', false)).id;
    } catch (error) {
      told.failure = asProblemError(error).message;
    }
    guarded.watch.restart();
    const refused =
      act === 'fallback' && told.failure !== null ? [`falling back failed: ${told.failure}`] : [];
    await this.#keep(
      guarded,
      withAct({ ...guarded.kept, ladder: { ...ladder, because: [...ladder.because, ...refused] } }, told),
    );
    await this.#core.tell.event(eventOf.act(pod, told));
  }

  /** Our programs, what they go by, and the policy; the rest of the device is left to reconciling, at once. */
  async #repair(pod: LivePod): Promise<void> {
    const { ground } = this.#core;
    const device = currentDevice(pod);
    const repairing = (async () => {
      pointAt(ground, pod.record, device);
      await attachPrograms(ground, pod.record, device);
      await settleHooks(ground, pod.record, device);
    })();
    pod.repairing = repairing
      .catch(() => {})
      .finally(() => {
        pod.repairing = null;
      });
    try {
      await repairing;
    } finally {
      await pod.repairing;
      this.#look(pod);
    }
  }

  async #keep(guarded: Guarded, kept: Kept): Promise<void> {
    guarded.kept = kept;
    attend(this.#core, guarded.pod, 'guard', attentionOf(kept));
    await this.#must().save(guarded.pod.record.id, kept);
  }
}

const isBusy = (pod: LivePod): boolean =>
  pod.migration !== null || pod.repairing !== null || pod.leaving || pod.gone;

const actNow = (act: GuardAct['act'], because: readonly string[]): GuardAct => ({
  ...{ time: new Date().toISOString(), act, because: [...because] },
  ...{ failure: null, migrationId: null },
});

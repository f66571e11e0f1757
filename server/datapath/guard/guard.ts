import { setTimeout as sleep } from 'node:timers/promises';
import {
  type GuardChoice,
  type GuardThresholds,
  guardDefaults,
  type NodeGuard,
  type PodGuard,
} from '../../../contract/guard.ts';
import { attend, type DatapathContext, nameOf } from '../context.ts';
import { asProblemError } from '../errors.ts';
import type { Migrations } from '../migration/migrations.ts';
import { currentDevice, type LivePod } from '../pod-registry.ts';
import { Acts } from './acts.ts';
import { actAt, clock, type Guarded, isBusy } from './guarded.ts';
import { GuardBooks, type Kept, withAct } from './kept.ts';
import { atRest, decide, isNodeWide, type LadderState } from './ladder.ts';
import { EchoSockets } from './probes.ts';
import { attentionOf, eventOf, nodeFailsSentence, sentenceOf } from './sentences.ts';
import { PodWatch } from './watch.ts';

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
  readonly #core: DatapathContext;
  readonly #acts: Acts;
  readonly #sockets = new EchoSockets();
  readonly #pods = new Map<string, Guarded>();
  #books: GuardBooks | null = null;
  #running: Promise<void> | null = null;
  #closing = false;

  /** @param look has reconciling look at the pod: for what of a device is not its programs */
  constructor(core: DatapathContext, migrations: Migrations, look: (pod: LivePod) => void) {
    this.#core = core;
    this.#acts = new Acts({ core, migrations, look, keep: (guarded, kept) => this.#keep(guarded, kept) });
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
    await this.#running;
    await Promise.all([...this.#pods.values()].map(({ round }) => round));
    this.#sockets.close();
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
    return {
      chosen: books.choices.get('node') ?? null,
      thresholds: { ...guardDefaults, ...books.choices.get('node') },
      defaults: guardDefaults,
      pods: {
        watched: pods.filter((guarded) => this.#watches(guarded)).length,
        fallenBack: this.#count('fallen-back'),
        leftAlone: this.#count('left-alone'),
        chosen: pods.filter(({ pod }) => books.choices.has(pod.record.id)).length,
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
      sentence:
        watch.probe === 'failing' && this.#nodeFails()
          ? nodeFailsSentence
          : sentenceOf(kept, currentDevice(pod).kind, thresholds),
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
        actAt(clock(), 'resume', [`resumed by ${actor}`]),
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

  #nodeFails(): boolean {
    const probes = [...this.#pods.values()].map(({ watch }) => watch.probe);
    const failing = probes.filter((state) => state === 'failing').length;
    return isNodeWide(failing, failing + probes.filter((state) => state === 'well').length);
  }

  #count(stage: LadderState['stage']): number {
    return [...this.#pods.values()].filter(({ kept }) => kept.ladder.stage === stage).length;
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
        .filter(({ signal, state }) => state === 'failing' && !(signal === 'probe' && this.#nodeFails()))
        .map(({ evidence, since }) => `${evidence}${since === null ? '' : `, since ${since.slice(0, 19)}Z`}`);
      const situation = { kind: currentDevice(pod).kind, busy: isBusy(pod), failing };
      const { state, act } = decide(kept.ladder, situation, thresholds, now);
      if (act?.act === 'fallback' && this.#count('falling-back') >= fallbacksAtOnce) return;
      if (act) await this.#acts.carryOut(guarded, state, act);
      else if (state !== kept.ladder) await this.#keep(guarded, { ...kept, ladder: state });
    } catch (error) {
      this.#core.log.error({ err: error, pod: pod.record.id }, 'guard');
    }
  }

  async #keep(guarded: Guarded, kept: Kept): Promise<void> {
    guarded.kept = kept;
    attend(this.#core, guarded.pod, 'guard', attentionOf(kept));
    await this.#must().save(guarded.pod.record.id, kept);
  }
}

import type { DatapathContext } from '../context.ts';
import { settleHooks } from '../device/move-hooks.ts';
import { attachPrograms, pointAt } from '../device/our-programs.ts';
import { asProblemError } from '../errors.ts';
import type { Migrations } from '../migration/migrations.ts';
import { currentDevice, type LivePod } from '../pod-registry.ts';
import { actAt, clock, type Guarded, isBusy } from './guarded.ts';
import { type Kept, withAct } from './kept.ts';
import type { LadderAct, LadderState } from './ladder.ts';
import { eventOf } from './sentences.ts';

interface Means {
  core: DatapathContext;
  migrations: Migrations;
  /** Has reconciling look at the pod: for what of a device is not its programs. */
  look: (pod: LivePod) => void;
  keep: (guarded: Guarded, kept: Kept) => Promise<void>;
}

/** Does what the ladder says, and tells of it. */
export class Acts {
  readonly #means: Means;

  constructor(means: Means) {
    this.#means = means;
  }

  /** Kept before it is done: an agent that is killed meanwhile knows how far it went. */
  async carryOut(guarded: Guarded, ladder: LadderState, { act, because }: LadderAct): Promise<void> {
    const { core, migrations, keep } = this.#means;
    const { pod, kept } = guarded;
    await keep(guarded, { ...kept, ladder });
    // Something else may have begun while that was written.
    if (isBusy(pod)) return keep(guarded, kept);
    const told = actAt(clock(), act, because);
    try {
      if (act === 'repair') await this.#repair(pod);
      if (act === 'fallback') told.migrationId = (await migrations.start(pod, 'veth', 'guard', false)).id;
    } catch (error) {
      told.failure = asProblemError(error).message;
    }
    guarded.watch.restart();
    const refused =
      act === 'fallback' && told.failure !== null ? [`falling back failed: ${told.failure}`] : [];
    await keep(
      guarded,
      // The cool-down begins when it is done.
      withAct(
        { ...kept, ladder: { ...ladder, lastAct: clock(), because: [...ladder.because, ...refused] } },
        told,
      ),
    );
    await core.tell.event(eventOf.act(pod, told));
  }

  /** Our programs, what they go by, and the policy; the rest of the device is left to reconciling, at once. */
  async #repair(pod: LivePod): Promise<void> {
    const { ground } = this.#means.core;
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
      this.#means.look(pod);
    }
  }
}

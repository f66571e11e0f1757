import type { DatapathContext } from '../context.ts';
import { finishHookMove } from '../device/move-hooks.ts';
import { attachPrograms, setEndpoints } from '../device/our-programs.ts';
import { asProblemError } from '../errors.ts';
import type { Migrations } from '../migration/migrations.ts';
import { currentDevice, type LivePod } from '../pod-registry.ts';
import type { EscalationAction, EscalationState } from './escalation-policy.ts';
import { clock, type GuardedPod, isBusy, newAction } from './guarded-pod.ts';
import { guardEvents } from './messages.ts';
import { type GuardState, withAction } from './state.ts';

interface Means {
  context: DatapathContext;
  migrations: Migrations;
  /** Has reconciling look at the pod: for what of a device is not its programs. */
  look: (pod: LivePod) => void;
  keep: (guarded: GuardedPod, kept: GuardState) => Promise<void>;
}

/** Does what the ladder says, and tells of it. */
export class GuardActions {
  readonly #means: Means;

  constructor(means: Means) {
    this.#means = means;
  }

  /** Kept before it is done: an agent that is killed meanwhile knows how far it went. */
  async execute(
    guarded: GuardedPod,
    ladder: EscalationState,
    { act, because }: EscalationAction,
  ): Promise<void> {
    const { context, migrations, keep } = this.#means;
    const { pod, state: kept } = guarded;
    await keep(guarded, { ...kept, ladder });
    // Something else may have begun while that was written.
    if (isBusy(pod)) return keep(guarded, kept);
    const action = newAction(clock(), act, because);
    try {
      if (act === 'repair') await this.#repair(pod);
      if (act === 'fallback') action.migrationId = (await migrations.start(pod, 'veth', 'guard', false)).id;
    } catch (error) {
      action.failure = asProblemError(error).message;
    }
    guarded.signals.restart();
    const refused =
      act === 'fallback' && action.failure !== null ? [`falling back failed: ${action.failure}`] : [];
    await keep(
      guarded,
      // The cool-down begins when it is done.
      withAction(
        { ...kept, ladder: { ...ladder, lastAct: clock(), because: [...ladder.because, ...refused] } },
        action,
      ),
    );
    await context.publish.event(guardEvents.act(pod, action));
  }

  /** Our programs, what they go by, and the policy; the rest of the device is left to reconciling, at once. */
  async #repair(pod: LivePod): Promise<void> {
    const { kernel } = this.#means.context;
    const device = currentDevice(pod);
    const repairing = (async () => {
      setEndpoints(kernel, pod.record, device);
      await attachPrograms(kernel, pod.record, device);
      await finishHookMove(kernel, pod.record, device);
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

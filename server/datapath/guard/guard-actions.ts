import { type DatapathContext, formatPodName } from '../datapath-context.ts';
import { finishHookMove } from '../device/move-hooks.ts';
import { attachPodlanePrograms, setRedirectEndpoints } from '../device/podlane-programs.ts';
import type { MigrationController } from '../migration/migration-controller.ts';
import { isPodIdle, withPod } from '../pod-activity.ts';
import { getCurrentDevice, type LivePod } from '../pod-registry.ts';
import { wrapAsProblemError } from '../wrap-as-problem.ts';
import type { EscalationAction, EscalationState } from './escalation-policy.ts';
import { guardEventTemplates } from './guard-messages.ts';
import { addGuardAction, type PodGuardState } from './guard-state-store.ts';
import { createGuardAction, type GuardedPod, monotonicEpochMs } from './guarded-pod.ts';

interface Dependencies {
  context: DatapathContext;
  migrations: Pick<MigrationController, 'start'>;
  /** Enqueues a pod for reconciling, which repairs everything except the pod's programs. */
  enqueue: (pod: LivePod) => void;
  save: (guarded: GuardedPod, state: PodGuardState) => Promise<void>;
}

/** A pod that its netkit device fails is moved whatever it loses: the plan's items are named in the migration. */
const acceptAll = { recreate: false, accept: ['*'] } as const;

/** Executes, records and publishes the actions that the escalation policy decides on. */
export class GuardActions {
  readonly #dependencies: Dependencies;

  constructor(dependencies: Dependencies) {
    this.#dependencies = dependencies;
  }

  /**
   * Executes an action after saving the escalation state, so that a restarted agent knows which actions were already
   * taken.
   */
  async execute(
    guarded: GuardedPod,
    escalation: EscalationState,
    { action, because }: EscalationAction,
  ): Promise<void> {
    const { context, migrations, save } = this.#dependencies;
    const { pod, state } = guarded;
    await save(guarded, { ...state, escalation });
    // Another activity may have begun during the write.
    if (!isPodIdle(pod)) return save(guarded, state);
    const taken = createGuardAction(monotonicEpochMs(), action, because);
    try {
      if (action === 'repair') await this.#repair(pod);
      if (action === 'fallback')
        taken.migrationId = (await migrations.start(pod, 'veth', 'guard', acceptAll)).id;
    } catch (error) {
      taken.failure = wrapAsProblemError(error).message;
    }
    guarded.signals.restart();
    const refused =
      action === 'fallback' && taken.failure !== null ? [`falling back failed: ${taken.failure}`] : [];
    // The cool-down begins when the action has ended.
    const ended = {
      ...escalation,
      lastAction: monotonicEpochMs(),
      because: [...escalation.because, ...refused],
    };
    await save(guarded, addGuardAction({ ...state, escalation: ended }, taken));
    await context.publish.event(guardEventTemplates.action(pod, taken));
  }

  /**
   * Repairs Podlane's programs, their slot entries and the netkit policy at once, and leaves other repairs to
   * reconciling.
   */
  async #repair(pod: LivePod): Promise<void> {
    const { kernel } = this.#dependencies.context;
    try {
      await withPod(pod, { type: 'repairing' }, `repair ${formatPodName(pod)}`, async () => {
        const device = getCurrentDevice(pod);
        kernel.programs.restorePins();
        setRedirectEndpoints(kernel, pod.record, device);
        await attachPodlanePrograms(kernel, pod.record, device);
        await finishHookMove(kernel, pod, device);
      });
    } finally {
      this.#dependencies.enqueue(pod);
    }
  }
}

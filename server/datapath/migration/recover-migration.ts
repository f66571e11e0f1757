import type { Migration } from '../../../contract/migration.ts';
import type { KernelContext } from '../kernel-context.ts';
import { openPodNamespace } from '../pod-namespaces.ts';
import type { LivePod } from '../pod-registry.ts';
import { setCurrentDevice } from '../pods/current-device.ts';
import { toMigrationProblem } from '../wrap-as-problem.ts';
import { findDeviceOnSlot } from './prepare-migration.ts';
import type { DeviceMove } from './step-definition.ts';
import {
  type MigrationJournal,
  type MigrationStepActions,
  runMigrationSteps,
  undoMigrationSteps,
} from './step-executor.ts';

/** Parts of `MigrationController` that the recovery of a migration uses. */
export interface MigrationRecoveryContext {
  kernel: KernelContext;
  journal: MigrationJournal;
  actions(move: DeviceMove): MigrationStepActions;
  move(
    pod: LivePod,
    from: DeviceMove['from'],
    to: DeviceMove['to'],
    namespace: DeviceMove['namespace'],
    migration: Migration,
    recorded: DeviceMove['recorded'],
  ): DeviceMove;
  /** Returns the recorded network state; reads the old device's if the journal has none. */
  recordedState(pod: LivePod, namespace: DeviceMove['namespace']): Promise<DeviceMove['recorded']>;
}

const hostRouted = ({ steps }: Migration): boolean =>
  steps.find(({ step }) => step === 'routed-host')?.state === 'done';

/** Makes the device current that carries the pod's traffic according to the steps of an open journal. */
export function selectCurrentDeviceOfJournal(pod: LivePod, migration: Migration): void {
  const { slot } = hostRouted(migration) ? migration.to : migration.from;
  const current = pod.devices.find((device) => device.slot === slot);
  if (current) setCurrentDevice(pod, current);
}

/**
 * Ends a journal that a killed agent left open: resumes it where the host's route had moved, undoes it otherwise. The
 * journal of a pod that has ended is closed as failed; `reconcilePod` removes what the pod left on the host.
 */
export async function recoverMigration(
  migration: Migration,
  pod: LivePod | undefined,
  recovery: MigrationRecoveryContext,
): Promise<Migration> {
  // A failed step means that the migration was being undone.
  const stopped = (['running', 'failed', 'pending'] as const)
    .map((state) => migration.steps.find((step) => step.state === state))
    .find((step) => step !== undefined);
  const step = stopped?.step ?? 'verified';
  const interrupted = { ...toMigrationProblem(new Error(`the agent stopped at ${step}`)), step };
  let namespace: DeviceMove['namespace'] | null = null;
  let move: DeviceMove | null = null;
  try {
    if (!pod) throw new Error('the store no longer has the pod');
    namespace = openPodNamespace(pod);
    const from = findDeviceOnSlot(recovery.kernel, pod, migration.from);
    const to = findDeviceOnSlot(recovery.kernel, pod, migration.to);
    const recorded = await recovery.recordedState(pod, namespace);
    move = recovery.move(pod, from, to, namespace, migration, recorded);
    const actions = recovery.actions(move);
    for (const each of migration.steps) if (each.state === 'running') each.state = 'pending';
    if (hostRouted(migration)) {
      setCurrentDevice(pod, to);
      return await runMigrationSteps(migration, actions, recovery.journal);
    }
    setCurrentDevice(pod, from);
    // The step in which the agent was killed may have run in part, so it is undone as well.
    if (stopped) stopped.state = 'failed';
    migration.error ??= interrupted;
    return await undoMigrationSteps(migration, actions, recovery.journal);
  } catch (error) {
    migration.state = 'failed';
    migration.endedAt = new Date().toISOString();
    migration.error = { ...toMigrationProblem(error), step };
    await recovery.journal.save(migration).catch(() => {});
    return migration;
  } finally {
    move?.disposables.dispose();
    namespace?.[Symbol.dispose]();
  }
}

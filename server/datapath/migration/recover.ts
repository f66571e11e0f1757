import type { Migration } from '../../../contract/migration.ts';
import { asProblem } from '../errors.ts';
import type { KernelContext } from '../kernel-context.ts';
import { openPodNamespace } from '../pod-namespaces.ts';
import type { LivePod } from '../pod-registry.ts';
import { makeCurrent } from '../pods/current-device.ts';
import { type Journal, runSteps, type StepActions, undoSteps } from './executor.ts';
import { deviceOnSlot } from './prepare.ts';
import type { DeviceMove } from './step.ts';

/** The parts of `Migrations` that a recovery uses. */
export interface RecoveryContext {
  kernel: KernelContext;
  journal: Journal;
  actions(move: DeviceMove): StepActions;
  move(
    pod: LivePod,
    from: DeviceMove['from'],
    to: DeviceMove['to'],
    namespace: DeviceMove['namespace'],
    migration: Migration,
  ): DeviceMove;
}

const hostRouted = ({ steps }: Migration): boolean =>
  steps.find(({ step }) => step === 'routed-host')?.state === 'done';

/** Makes that device of an open journal current which the pod's traffic crosses. */
export function selectCurrentDevice(pod: LivePod, migration: Migration): void {
  const { slot } = hostRouted(migration) ? migration.to : migration.from;
  const current = pod.devices.find((device) => device.slot === slot);
  if (current) makeCurrent(pod, current);
}

/**
 * Ends a journal that a killed agent left open: resumes it where the host's route had moved, undoes it otherwise. The
 * journal of a pod that has ended is closed as failed; `reconcilePod` removes what the pod left on the host.
 */
export async function recoverMigration(
  migration: Migration,
  pod: LivePod | undefined,
  recovery: RecoveryContext,
): Promise<Migration> {
  // A failed step means that the migration was being undone.
  const stopped = (['running', 'failed', 'pending'] as const)
    .map((state) => migration.steps.find((step) => step.state === state))
    .find((step) => step !== undefined);
  const step = stopped?.step ?? 'verified';
  const interrupted = { ...asProblem(new Error(`the agent stopped at ${step}`)), step };
  let namespace: DeviceMove['namespace'] | null = null;
  try {
    if (!pod) throw new Error('the store no longer has the pod');
    namespace = openPodNamespace(pod.record);
    const from = deviceOnSlot(recovery.kernel, pod, migration.from.slot, migration.from.kind);
    const to = deviceOnSlot(recovery.kernel, pod, migration.to.slot, migration.to.kind);
    const actions = recovery.actions(recovery.move(pod, from, to, namespace, migration));
    for (const each of migration.steps) if (each.state === 'running') each.state = 'pending';
    if (hostRouted(migration)) {
      makeCurrent(pod, to);
      return await runSteps(migration, actions, recovery.journal);
    }
    makeCurrent(pod, from);
    // The step in which the agent was killed may have run in part, so it is undone as well.
    if (stopped) stopped.state = 'failed';
    migration.error ??= interrupted;
    return await undoSteps(migration, actions, recovery.journal);
  } catch (error) {
    migration.state = 'failed';
    migration.endedAt = new Date().toISOString();
    migration.error = { ...asProblem(error), step };
    await recovery.journal.save(migration).catch(() => {});
    return migration;
  } finally {
    namespace?.[Symbol.dispose]();
  }
}

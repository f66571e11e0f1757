import type { Migration } from '../../../contract/migration.ts';
import { asProblem } from '../errors.ts';
import type { KernelContext } from '../kernel-context.ts';
import { openPodNamespace } from '../pod-namespaces.ts';
import type { LivePod } from '../pod-registry.ts';
import { makeCurrent } from '../pods/current-device.ts';
import { type Journal, runSteps, type StepActions, undoSteps } from './executor.ts';
import { deviceOn } from './prepare.ts';
import type { DeviceMove } from './step.ts';

export interface Recovery {
  ground: KernelContext;
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

/** Of the two devices that an open journal names, the one that carries the traffic goes last. */
export function putCarrierLast(pod: LivePod, migration: Migration): void {
  const { slot } = hostRouted(migration) ? migration.to : migration.from;
  const carrier = pod.devices.find((device) => device.slot === slot);
  if (carrier) makeCurrent(pod, carrier);
}

/**
 * Ends a journal that a killed agent left open: forward when the host's route had moved, else back. A pod that
 * ended in the meantime closes its journal as failed; what it leaves on the host is `reconcilePod`'s.
 */
export async function recoverMigration(
  migration: Migration,
  pod: LivePod | undefined,
  recovery: Recovery,
): Promise<Migration> {
  // One that is failed was being taken back.
  const stopped = (['running', 'failed', 'pending'] as const)
    .map((state) => migration.steps.find((step) => step.state === state))
    .find((step) => step !== undefined);
  const step = stopped?.step ?? 'verified';
  const interrupted = { ...asProblem(new Error(`the agent stopped at ${step}`)), step };
  let namespace: DeviceMove['namespace'] | null = null;
  try {
    if (!pod) throw new Error('the pod is no longer in the books');
    namespace = openPodNamespace(pod.record);
    const from = deviceOn(recovery.ground, pod, migration.from.slot, migration.from.kind);
    const to = deviceOn(recovery.ground, pod, migration.to.slot, migration.to.kind);
    const actions = recovery.actions(recovery.move(pod, from, to, namespace, migration));
    for (const each of migration.steps) if (each.state === 'running') each.state = 'pending';
    if (hostRouted(migration)) {
      makeCurrent(pod, to);
      return await runSteps(migration, actions, recovery.journal);
    }
    makeCurrent(pod, from);
    // The step it was killed in may be half done, so it is undone as well.
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

import type { Batch, BatchPod } from '../../../contract/batch.ts';
import { countBatchPods } from '../../../contract/batch-states.ts';
import type { Migration } from '../../../contract/migration.ts';
import type { BatchStore, MigrationStore } from '../../store/store-interfaces.ts';
import { summarizeMigrationFailure } from './failure-summary.ts';

/**
 * Brings the pods that a killed agent was migrating to the outcome in their migrations' journals, which must have been
 * recovered before.
 */
export async function reconcileBatchPods(
  store: Pick<BatchStore, 'saveBatchPod'> & Pick<MigrationStore, 'lastMigration'>,
  batch: Batch,
): Promise<void> {
  for (const pod of batch.pods) {
    if (pod.state !== 'running' && pod.state !== 'watched') continue;
    Object.assign(pod, recoveredPodState(batch, pod, await store.lastMigration(pod.podId)));
    await store.saveBatchPod(batch.id, pod);
  }
  batch.counts = countBatchPods(batch.pods);
}

/**
 * Derives a pod's state in the batch from its last migration, since the batch may have been saved before that
 * migration.
 */
function recoveredPodState(batch: Batch, pod: BatchPod, last: Migration | null): Partial<BatchPod> {
  const ours =
    last !== null &&
    (last.id === pod.migrationId ||
      (pod.migrationId === null && last.to.kind === batch.to && last.startedAt >= (pod.startedAt ?? '')));
  if (!ours) return { state: 'waiting', reason: 'the agent ended before its migration started' };
  const migrationId = last.id;
  if (last.state === 'done') {
    const reason = 'moved; the agent ended before its health was checked';
    return { state: 'done', moved: true, migrationId, reason, endedAt: last.endedAt };
  }
  const { code, message: reason, moved } = summarizeMigrationFailure(last);
  if (last.state === 'undone') return { state: 'waiting', migrationId, reason };
  return { state: 'unhealthy', moved, migrationId, code, reason };
}

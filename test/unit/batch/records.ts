import type { Batch, BatchPod } from '../../../contract/batch.ts';
import { countBatchPods } from '../../../contract/batch-states.ts';

export const member = (name: string, more: Partial<BatchPod> = {}): BatchPod => ({
  podId: `id-${name}`,
  namespace: 'shop',
  name,
  from: 'netkit',
  state: 'waiting',
  moved: false,
  code: null,
  reason: null,
  migrationId: null,
  startedAt: null,
  endedAt: null,
  ...more,
});

export const newBatch = (id: string, pods: BatchPod[], more: Partial<Batch> = {}): Batch => ({
  id,
  number: 0,
  actor: 'ana',
  to: 'veth',
  recreate: false,
  parallelism: 4,
  onUnhealthy: 'pause',
  onLoss: 'refuse',
  settleMs: 1000,
  state: 'running',
  reason: null,
  startedAt: new Date(0).toISOString(),
  endedAt: null,
  counts: countBatchPods(pods),
  pods,
  ...more,
});

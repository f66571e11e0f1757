import { expect, test } from 'vitest';
import { replaceBatchPod, upsertBatch } from '../../../app/_lib/batch-queries.ts';
import {
  batchNeedsOperator,
  formatBatchActionLabel,
  formatBatchPodState,
  formatBatchTitle,
} from '../../../app/pods/_list/_batch/text.ts';
import { member, newBatch } from '../batch/records.ts';

const batch = newBatch('b', [member('web'), member('cart')], { number: 3 });

test('a pod replaces the one with its id, and is counted', () => {
  const next = replaceBatchPod(batch, member('cart', { state: 'done', moved: true }));
  expect(next.pods.map(({ state }) => state)).toEqual(['waiting', 'done']);
  expect(next.counts).toMatchObject({ waiting: 1, done: 1 });
});

test('a new batch is first in the list, a known one keeps its position', () => {
  const { pods: _, ...summary } = batch;
  const newer = { ...summary, id: 'newer' };
  expect(upsertBatch([summary], newer).map(({ id }) => id)).toEqual(['newer', 'b']);
  expect(upsertBatch([newer, summary], { ...summary, state: 'done' })[1]?.state).toBe('done');
});

test('labels state the action, the number of pods, and if the kind stays', () => {
  const onVeth = [member('web', { from: 'veth' })];
  expect(formatBatchActionLabel('veth', batch.pods)).toBe('Fall back 2 pods to veth');
  expect(formatBatchActionLabel('veth', onVeth)).toBe('Recreate the veth devices of 1 pod');
  expect(formatBatchActionLabel('netkit', onVeth)).toBe('Promote 1 pod to netkit');
  expect(formatBatchActionLabel('netkit', [])).toBe('Promote to netkit');
  expect(formatBatchTitle(batch)).toBe('Falling back 2 pods');
  expect(formatBatchTitle({ ...batch, state: 'paused' })).toBe('Batch 3 is paused');
  expect(formatBatchPodState('waiting', { endedAt: batch.startedAt })).toBe('not started');
});

test('a batch that its operator paused does not need one', () => {
  expect(batchNeedsOperator({ ...batch, state: 'paused' })).toBe(false);
  expect(batchNeedsOperator({ ...batch, state: 'interrupted' })).toBe(true);
  const { counts } = newBatch('b', [member('web', { state: 'unhealthy' })]);
  expect(batchNeedsOperator({ state: 'paused', counts })).toBe(true);
});

import { expect, test } from 'vitest';
import type { BatchPod } from '../../../contract/batch.ts';
import type { Migration } from '../../../contract/migration.ts';
import { reconcileBatchPods } from '../../../server/datapath/batch/recover-batch.ts';
import { newMigration } from '../store/records.ts';
import { member, newBatch } from './records.ts';

const started = '2026-11-22T10:00:00.000Z';
const later = '2026-11-22T10:00:00.001Z';
const [first] = newMigration('m', 'cart').steps;
const routed = { ...first!, step: 'routed-host', state: 'done' } as const;
const ended = (state: Migration['state'], more: Partial<Migration> = {}): Migration => ({
  ...newMigration('m', 'cart'),
  state,
  startedAt: later,
  endedAt: later,
  error: null,
  ...more,
});
const under = (more: Partial<BatchPod>) => member('cart', { startedAt: started, ...more });

test.each<[string, BatchPod, Migration | null, Partial<BatchPod>]>([
  ['waiting stays waiting', member('cart'), ended('done'), { state: 'waiting', moved: false }],
  ['done stays done', under({ state: 'done', moved: true }), null, { state: 'done', moved: true }],
  ['begun, no migration yet', under({ state: 'running' }), null, { state: 'waiting', moved: false }],
  [
    'begun, the last migration is an older one',
    under({ state: 'running' }),
    ended('done', { startedAt: '2026-11-22T09:00:00.000Z' }),
    { state: 'waiting', moved: false, migrationId: null },
  ],
  [
    'its migration was done, though the batch had not heard of it',
    under({ state: 'running' }),
    ended('done'),
    { state: 'done', moved: true, migrationId: 'm' },
  ],
  ['watched', under({ state: 'watched', migrationId: 'm' }), ended('done'), { state: 'done', moved: true }],
  [
    'its migration was undone',
    under({ state: 'running', migrationId: 'm' }),
    ended('undone'),
    { state: 'waiting', moved: false },
  ],
  [
    'its migration failed on the new device',
    under({ state: 'running', migrationId: 'm' }),
    ended('failed', { steps: [routed] }),
    { state: 'unhealthy', moved: true },
  ],
  [
    'its migration failed on the old device',
    under({ state: 'running', migrationId: 'm' }),
    ended('failed'),
    { state: 'unhealthy', moved: false },
  ],
])('%s', async (_, pod, last, expected) => {
  const batch = newBatch('b', [pod]);
  const saved: BatchPod[] = [];
  const was = pod.state;
  await reconcileBatchPods(
    {
      saveBatchPod: async (_, written) => void saved.push({ ...written }),
      lastMigration: async () => last,
    },
    batch,
  );
  expect(batch.pods[0]).toMatchObject(expected);
  expect(batch.counts[expected.state!]).toBe(1);
  expect(saved).toHaveLength(was === 'running' || was === 'watched' ? 1 : 0);
});

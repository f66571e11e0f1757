import { expect, test } from 'vitest';
import { SqliteStore } from '../../../server/store/sqlite-store.ts';
import { member, newBatch } from '../batch/records.ts';
import { node } from './records.ts';
import { openTemporaryStore, temporaryFolder } from './temporary-store.ts';

test('a batch and each of its pods are read back as they were written, also by the next process', async () => {
  const file = `${temporaryFolder()}/podlane.db`;
  const store = await SqliteStore.open({ file, node });
  const batch = await store.addBatch(
    newBatch(
      'b',
      ['web', 'cart', 'api'].map((name) => member(name)),
    ),
  );
  expect(batch).toMatchObject({ number: 1, pods: [{ name: 'web' }, { name: 'cart' }, { name: 'api' }] });
  const cart = member('cart', {
    state: 'unhealthy',
    moved: true,
    code: 'kernel_refused',
    reason: 'why',
    migrationId: 'm',
    startedAt: new Date(1).toISOString(),
    endedAt: new Date(2).toISOString(),
  });
  await store.saveBatchPod('b', cart);
  await store.saveBatch({ ...batch, state: 'paused', reason: 'shop/cart: why' });
  await store.close();

  const { store: next } = await openTemporaryStore(file);
  const [open] = await next.openBatches();
  expect(open).toMatchObject({
    state: 'paused',
    reason: 'shop/cart: why',
    counts: { unhealthy: 1, waiting: 2 },
  });
  expect(open?.pods[1]).toEqual(cart);
  await next.saveBatch({ ...open!, state: 'stopped', endedAt: new Date(3).toISOString() });
  expect(await next.openBatches()).toEqual([]);
  expect(await next.batch('b')).toMatchObject({ state: 'stopped', endedAt: new Date(3).toISOString() });
  expect(await next.batch('other')).toBeNull();
});

test('batches are listed by page, newest first, and the oldest ended ones are deleted', async () => {
  const { store } = await openTemporaryStore();
  for (const n of [1, 2, 3, 4])
    await store.addBatch(
      newBatch(`b${n}`, [member('web')], n === 1 ? {} : { endedAt: new Date(n).toISOString() }),
    );
  const first = await store.listBatches({ limit: 3 });
  expect(first.items.map(({ id }) => id)).toEqual(['b4', 'b3', 'b2']);
  expect(first.items[0]?.counts.waiting).toBe(1);
  expect((await store.listBatches({ limit: 3, before: first.next! })).items.map(({ id }) => id)).toEqual([
    'b1',
  ]);
  const limits = {
    events: 5,
    migrationsPerPod: 5,
    devicesPerPod: 5,
    removedPods: 5,
    batches: 2,
    ruleVersions: 2,
  };
  await store.prune(limits);
  // b1 has not ended.
  const { items } = await store.listBatches({ limit: 9 });
  expect(items.map(({ id }) => id)).toEqual(['b4', 'b3', 'b1']);
});

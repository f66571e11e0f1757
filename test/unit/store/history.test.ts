import { expect, test } from 'vitest';
import { newDevice, newMigration, newPod } from './records.ts';
import { openTemporaryStore } from './temporary-store.ts';

const info = (message: string, podId: string | null = null) => ({
  type: 'pod.attached' as const,
  severity: 'info' as const,
  podId,
  migrationId: null,
  message,
});

test('the store numbers and dates a journal and keeps every step', async () => {
  const { store, file } = await openTemporaryStore();
  await store.addPod(newPod('cart'), newDevice('id-cart', 1));
  const before = Date.now();
  const added = await store.addMigration(newMigration('m1', 'cart'));
  expect(added.number).toBe(1);
  expect(Date.parse(added.startedAt)).toBeGreaterThanOrEqual(before);
  expect(await store.openMigrations()).toEqual([added]);

  const done = {
    ...added,
    state: 'done' as const,
    endedAt: new Date().toISOString(),
    durationMs: 8.25,
    steps: added.steps.map((step) => ({ ...step, state: 'done' as const, durationMs: 0.5 })),
    result: {
      egressPackets: 1,
      ingressPackets: 2,
      packetsOnOldDevice: 0,
      deviceDrops: 0,
      kernelDrops: [],
      requestsOk: null,
      requestsFailed: null,
    },
  };
  await store.saveMigration(done);
  await store.close();

  const { store: again } = await openTemporaryStore(file);
  expect(await again.migration('m1')).toEqual(done);
  expect(await again.openMigrations()).toEqual([]);
});

test('lists are pages from the newest to the oldest, of one pod or of all pods', async () => {
  const { store } = await openTemporaryStore();
  for (let i = 1; i <= 5; i++) await store.addEvent(info(`event ${i}`, i % 2 === 0 ? 'even' : null));
  const first = await store.listEvents({ limit: 2 });
  expect(first.items.map(({ message }) => message)).toEqual(['event 5', 'event 4']);
  const second = await store.listEvents({ limit: 3, before: first.next! });
  expect(second.items.map(({ message }) => message)).toEqual(['event 3', 'event 2', 'event 1']);
  expect(second.next).toBeNull();
  const even = await store.listEvents({ limit: 5, pod: 'even' });
  expect(even.items.map(({ message }) => message)).toEqual(['event 4', 'event 2']);
});

test('history is bounded, but a running migration and a pod’s current device are kept', {
  timeout: 30_000,
}, async () => {
  const { store } = await openTemporaryStore();
  const { device } = await store.addPod(newPod('cart'), newDevice('id-cart', 1));
  await store.addMigration(newMigration('open', 'cart'));
  for (let i = 0; i < 20; i++) {
    await store.addMigration({ ...newMigration(`m${i}`, 'cart'), state: 'done' });
    await store.addEvent(info(`event ${i}`));
    const spent = await store.addDevice(newDevice('id-cart', 2));
    await store.removeDevice(spent.id, [1n]);
    await store.addPod(newPod(`p${i}`, `10.1.0.${i}/32`), newDevice(`id-p${i}`, 2));
    await store.removePod(`id-p${i}`);
  }
  await store.prune({
    events: 5,
    migrationsPerPod: 5,
    devicesPerPod: 5,
    removedPods: 5,
    batches: 5,
    ruleVersions: 5,
  });

  const events = await store.listEvents({ limit: 500 });
  expect(events.items.map(({ message }) => message)).toEqual([19, 18, 17, 16, 15].map((i) => `event ${i}`));
  const migrations = await store.listMigrations({ limit: 500, pod: 'id-cart' });
  expect(migrations.items.map(({ id }) => id)).toEqual(['m19', 'm18', 'm17', 'm16', 'm15', 'open']);
  expect(await store.devices()).toEqual([device]);
  expect((await store.pods())[0]?.carried).toEqual([20n]);
});

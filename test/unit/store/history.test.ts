import { expect, test } from 'vitest';
import { newDevice, newMigration, newPod } from './records.ts';
import { openScratch } from './scratch.ts';

const info = (message: string, podId: string | null = null) => ({
  type: 'pod.attached' as const,
  severity: 'info' as const,
  podId,
  migrationId: null,
  message,
});

test('a journal is numbered and dated by the books and keeps every step', async () => {
  const { inventory, file } = await openScratch();
  await inventory.addPod(newPod('cart'), newDevice('id-cart', 1));
  const before = Date.now();
  const added = await inventory.addMigration(newMigration('m1', 'cart'));
  expect(added.number).toBe(1);
  expect(Date.parse(added.startedAt)).toBeGreaterThanOrEqual(before);
  expect(await inventory.openMigrations()).toEqual([added]);

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
      requestsOk: null,
      requestsFailed: null,
    },
  };
  await inventory.saveMigration(done);
  await inventory.close();

  const { inventory: again } = await openScratch(file);
  expect(await again.migration('m1')).toEqual(done);
  expect(await again.openMigrations()).toEqual([]);
});

test('lists are pages from the newest to the oldest, of one pod or of all', async () => {
  const { inventory } = await openScratch();
  for (let i = 1; i <= 5; i++) await inventory.addEvent(info(`event ${i}`, i % 2 === 0 ? 'even' : null));
  const first = await inventory.listEvents({ limit: 2 });
  expect(first.items.map(({ message }) => message)).toEqual(['event 5', 'event 4']);
  const second = await inventory.listEvents({ limit: 3, before: first.next! });
  expect(second.items.map(({ message }) => message)).toEqual(['event 3', 'event 2', 'event 1']);
  expect(second.next).toBeNull();
  const even = await inventory.listEvents({ limit: 5, pod: 'even' });
  expect(even.items.map(({ message }) => message)).toEqual(['event 4', 'event 2']);
});

test('history is bounded; a running migration and a pod’s present device stay', {
  timeout: 30_000,
}, async () => {
  const { inventory } = await openScratch();
  const { device } = await inventory.addPod(newPod('cart'), newDevice('id-cart', 1));
  await inventory.addMigration(newMigration('open', 'cart'));
  for (let i = 0; i < 20; i++) {
    await inventory.addMigration({ ...newMigration(`m${i}`, 'cart'), state: 'done' });
    await inventory.addEvent(info(`event ${i}`));
    const spent = await inventory.addDevice(newDevice('id-cart', 2));
    await inventory.removeDevice(spent.id, [1n]);
    await inventory.addPod(newPod(`p${i}`, `10.1.0.${i}/32`), newDevice(`id-p${i}`, 2));
    await inventory.removePod(`id-p${i}`);
  }
  await inventory.prune({
    events: 5,
    migrationsPerPod: 5,
    devicesPerPod: 5,
    removedPods: 5,
    batches: 5,
    ruleVersions: 5,
  });

  const events = await inventory.listEvents({ limit: 500 });
  expect(events.items.map(({ message }) => message)).toEqual([19, 18, 17, 16, 15].map((i) => `event ${i}`));
  const migrations = await inventory.listMigrations({ limit: 500, pod: 'id-cart' });
  expect(migrations.items.map(({ id }) => id)).toEqual(['m19', 'm18', 'm17', 'm16', 'm15', 'open']);
  expect(await inventory.devices()).toEqual([device]);
  expect((await inventory.pods())[0]?.carried).toEqual([20n]);
});

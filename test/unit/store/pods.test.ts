import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { SqliteStore } from '../../../server/store/sqlite-store.ts';
import { newDevice, newPod, node } from './records.ts';
import { openTemporaryStore, temporaryFolder } from './temporary-store.ts';

test('pods and devices are read back when the file is opened again', async () => {
  const { store, file } = await openTemporaryStore();
  const { pod, device } = await store.addPod(newPod('cart'), newDevice('id-cart', 3));
  expect(pod).toMatchObject({ ...newPod('cart'), number: 1, removedAt: null, carried: [] });
  await store.close();

  const { store: again } = await openTemporaryStore(file);
  expect(await again.pods()).toEqual([pod]);
  expect(await again.devices()).toEqual([device]);
});

test('the u64 counters of a removed device are added to its pod’s once', async () => {
  const { store } = await openTemporaryStore();
  const { device } = await store.addPod(newPod('cart'), newDevice('id-cart', 3));
  const second = await store.addDevice(newDevice('id-cart', 4));
  const most = 2n ** 64n - 1n;
  await store.removeDevice(device.id, [most, 1n]);
  await store.removeDevice(device.id, [most, 1n]);
  await store.removeDevice(second.id, [0n, 2n, 3n]);
  expect((await store.pods())[0]?.carried).toEqual([most, 3n, 3n]);
  expect(await store.devices()).toEqual([]);
});

test('only one pod at a time has a name and a slot, and a refusal writes nothing', async () => {
  const { store } = await openTemporaryStore();
  await store.addPod(newPod('cart'), newDevice('id-cart', 3));
  const other = { ...newPod('other'), id: 'id-2' };
  await expect(store.addPod({ ...other, name: 'cart' }, newDevice('id-2', 4))).rejects.toMatchObject({
    code: 'pod_exists',
  });
  await expect(store.addPod(other, newDevice('id-2', 3))).rejects.toMatchObject({
    code: 'store_failed',
  });
  expect(await store.pods()).toHaveLength(1);

  await store.removePod('id-cart');
  const { pod } = await store.addPod({ ...newPod('cart'), id: 'id-2' }, newDevice('id-2', 3));
  expect(await store.pods()).toEqual([pod]);
});

test('a forgotten pod leaves no trace, and its number is not reused', async () => {
  const { store } = await openTemporaryStore();
  await store.addPod(newPod('cart'), newDevice('id-cart', 3));
  await store.forgetPod('id-cart');
  expect(await store.pods()).toEqual([]);
  expect(await store.devices()).toEqual([]);
  const { pod } = await store.addPod(newPod('cart'), newDevice('id-cart', 3));
  expect(pod.number).toBe(2);
});

test('a pod that is begun is recorded at once, and written with its settings', async () => {
  const begun: number[] = [];
  const written: [number, boolean][] = [];
  const store = await SqliteStore.open({
    file: path.join(temporaryFolder(), 'podlane.db'),
    node,
    onPodBegun: (number) => void begun.push(number),
    onPodWritten: (number, stored) => void written.push([number, stored !== null]),
  });
  onTestFinished(() => store.close());
  const cart = store.beginPod(newPod('cart'), newDevice('id-cart', 3), { container: { id: 'c1' } });
  expect([begun, written]).toEqual([[1], []]);
  expect(await store.pods()).toEqual([]);
  const device = await cart.write();
  expect(written).toEqual([[1, true]]);
  expect(await store.pods()).toEqual([cart.pod]);
  expect(await store.devices()).toEqual([device]);
  expect(await store.settings('container')).toEqual(new Map([['id-cart', { id: 'c1' }]]));

  // One that cannot be written is not recorded any more.
  const other = store.beginPod(newPod('cart'), newDevice('id-cart', 4), {});
  await expect(other.write()).rejects.toMatchObject({ code: 'store_failed' });
  expect(written).toEqual([
    [1, true],
    [2, false],
  ]);
  await store.removePod('id-cart');
  expect(await store.settings('container')).toEqual(new Map());
});

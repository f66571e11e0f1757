import { expect, test } from 'vitest';
import { newDevice, newPod } from './records.ts';
import { openScratch } from './scratch.ts';

test('pods and devices are there again when the file is opened again', async () => {
  const { inventory, file } = await openScratch();
  const { pod, device } = await inventory.addPod(newPod('cart'), newDevice('id-cart', 3));
  expect(pod).toMatchObject({ ...newPod('cart'), number: 1, removedAt: null, carried: [] });
  await inventory.close();

  const { inventory: again } = await openScratch(file);
  expect(await again.pods()).toEqual([pod]);
  expect(await again.devices()).toEqual([device]);
});

test('a removed device’s u64 counters are added to its pod’s, once', async () => {
  const { inventory } = await openScratch();
  const { device } = await inventory.addPod(newPod('cart'), newDevice('id-cart', 3));
  const second = await inventory.addDevice(newDevice('id-cart', 4));
  const most = 2n ** 64n - 1n;
  await inventory.removeDevice(device.id, [most, 1n]);
  await inventory.removeDevice(device.id, [most, 1n]);
  await inventory.removeDevice(second.id, [0n, 2n, 3n]);
  expect((await inventory.pods())[0]?.carried).toEqual([most, 3n, 3n]);
  expect(await inventory.devices()).toEqual([]);
});

test('name and slot are taken by one pod at a time, and a refusal writes nothing', async () => {
  const { inventory } = await openScratch();
  await inventory.addPod(newPod('cart'), newDevice('id-cart', 3));
  const other = { ...newPod('other'), id: 'id-2' };
  await expect(inventory.addPod({ ...other, name: 'cart' }, newDevice('id-2', 4))).rejects.toMatchObject({
    code: 'pod_exists',
  });
  await expect(inventory.addPod(other, newDevice('id-2', 3))).rejects.toMatchObject({
    code: 'inventory_failed',
  });
  expect(await inventory.pods()).toHaveLength(1);

  await inventory.removePod('id-cart');
  const { pod } = await inventory.addPod({ ...newPod('cart'), id: 'id-2' }, newDevice('id-2', 3));
  expect(await inventory.pods()).toEqual([pod]);
});

test('a forgotten pod leaves no trace, and its number is not given again', async () => {
  const { inventory } = await openScratch();
  await inventory.addPod(newPod('cart'), newDevice('id-cart', 3));
  await inventory.forgetPod('id-cart');
  expect(await inventory.pods()).toEqual([]);
  expect(await inventory.devices()).toEqual([]);
  const { pod } = await inventory.addPod(newPod('cart'), newDevice('id-cart', 3));
  expect(pod.number).toBe(2);
});

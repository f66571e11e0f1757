import { expect, test } from 'vitest';
import { difference, formatDifference } from '../../testbed/network-state/difference.ts';
import { formatState, generateState } from '../../testbed/network-state/generate.ts';
import { unseenKinds } from '../../testbed/network-state/mutations.ts';
import { isNamed, type NamedItem } from '../../testbed/network-state/named.ts';
import { probeElementKinds } from '../../testbed/network-state/probe-kinds.ts';
import { ScratchDevice } from '../../testbed/network-state/scratch-device.ts';
import { snapshot, waitUntilSettled } from '../../testbed/network-state/snapshot.ts';

test('a generated state, applied to two devices, is the same on both', { timeout: 600_000 }, async () => {
  const { has } = await probeElementKinds();
  for (let seed = 1; seed <= 6; seed++) {
    await using one = await ScratchDevice.open();
    await using other = await ScratchDevice.open();
    const state = generateState(seed, 0, (kind) => has.has(kind));
    const [first, second] = await Promise.all(
      [one, other].map(async (device) => {
        await device.apply(state);
        await waitUntilSettled(device.shells);
        return snapshot(device.shells, device.names);
      }),
    );
    if (!first || !second) throw new Error('no snapshots');
    const found = difference(first, second, 'same-kind').map(formatDifference);
    expect(found, formatState(state)).toEqual([]);
  }
});

test('a seed makes the same state each time, and another seed another', async () => {
  const text = (seed: number): string => formatState(generateState(seed, 0, () => true));
  expect(text(7)).toBe(text(7));
  expect(text(8)).not.toBe(text(7).replace('seed 7', 'seed 8'));
});

test('an element of any kind is seen when it is added', { timeout: 600_000 }, async () => {
  const { tried, unseen } = await unseenKinds();
  console.info(`${tried} kinds of elements added`);
  expect(unseen).toEqual([]);
});

const item = (more: Partial<NamedItem>): NamedItem => ({
  id: '1',
  where: 'pod',
  what: 'sysctl',
  name: 'net/ipv4/conf/eth0/rp_filter',
  outcome: 'lost',
  becomes: '0',
  ...more,
});

test('a difference is named by an item of its end that says it will not stay', () => {
  const found = {
    end: 'pod',
    section: 'sysctl',
    line: 'ipv4/conf/DEV/rp_filter',
    change: 'was 2, is 0',
  } as const;
  expect(isNamed(found, [item({})])).toBe(true);
  expect(isNamed(found, [item({ where: 'host' })])).toBe(false);
  expect(isNamed(found, [item({ outcome: 'carried' })])).toBe(false);
  expect(isNamed(found, [item({ name: 'net/ipv4/conf/eth0/tag' })])).toBe(false);
  const address = { end: 'pod', section: 'address', line: 'DEV 198.18.0.17/28', change: 'lost: …' } as const;
  expect(isNamed(address, [item({ what: 'address', name: '198.18.0.17/28' })])).toBe(true);
  expect(isNamed(address, [item({ what: 'address', name: '198.18.0.1/28' })])).toBe(false);
  expect(isNamed(address, [item({ what: 'address', name: 'eth0' })])).toBe(false);
});

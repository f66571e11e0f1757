import { expect, test } from 'vitest';
import { conform } from './conformance/conform.ts';

test('random veth devices with all that stands on them: iproute2 and we make and read the same', async () => {
  expect(await conform({ kinds: ['veth'], runs: 25, devices: 6 })).toBeGreaterThanOrEqual(500);
}, 720_000);

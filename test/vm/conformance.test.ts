import { expect, test } from 'vitest';
import { conform } from '../kernel/netlink/conformance/conform.ts';

test('random netkit and veth devices with all that stands on them: iproute2 and we make and read the same', async () => {
  expect(
    await conform({ kinds: ['netkit', 'netkit', 'veth'], runs: 18, devices: 9, withinMs: 500_000 }),
  ).toBeGreaterThanOrEqual(500);
}, 1_200_000);

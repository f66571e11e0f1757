import { expect, test } from 'vitest';
import { conform } from '../kernel/netlink/conformance/conform.ts';

// What stands on devices is compared natively, on veth, in more than 500 cases.
test('random netkit devices with all that stands on them: iproute2 and we make and read the same', async () => {
  const cases = await conform({ kinds: ['netkit'], runs: 10, devices: 6, withinMs: 500_000 });
  expect(cases).toBeGreaterThanOrEqual(150);
}, 1_200_000);

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { withConnectionGuard } from '../../../server/datapath/migration/connection-guard.ts';
import type { ConnectionTuple } from '../../../server/datapath/migration/guard-table.ts';
import { runInNetworkNamespace } from '../../../server/netlink/setns.ts';
import { addresses, type FirewallFixture, firewallFixture, isReachable, udpSocket } from './firewall.ts';

const UDP = 17;
const TCP = 6;
const { pod, outside, pod6, outside6 } = addresses.device;

const tuple = (
  protocol: number,
  source: [address: string, port: number],
  destination: [address: string, port: number],
): ConnectionTuple => ({
  family: source[0].includes(':') ? 'ipv6' : 'ipv4',
  protocol,
  source: source[0],
  sourcePort: source[1],
  destination: destination[0],
  destinationPort: destination[1],
});

const hasTable = ({ list }: FirewallFixture): boolean => list().includes('podlane_guard_');

test.each([
  ['IPv4', pod, outside],
  ['IPv6', pod6, outside6],
])(
  'packets of a guarded UDP flow are dropped both ways until the work is done, others pass: %s',
  async (_, near, far) => {
    using fixture = firewallFixture();
    expect(isReachable(fixture, near)).toBe(true);
    using inPod = await udpSocket(fixture.pod, near, 4000);
    using guarded = await udpSocket(fixture.outside, far, 5000);
    using free = await udpSocket(fixture.outside, far, 5001);
    const tuples = [tuple(UDP, [far, 5000], [near, 4000]), tuple(UDP, [near, 4000], [far, 5000])];
    const { result, unguarded } = await withConnectionGuard(fixture.pod.fd, tuples, async () => {
      expect(hasTable(fixture)).toBe(true);
      await guarded.send('dropped', [near, 4000]);
      await free.send('free', [near, 4000]);
      await expect.poll(() => inPod.received).toEqual(['free']);
      expect(await inPod.send('refused', [far, 5000])).toMatchObject({ code: 'EPERM' });
      expect(await inPod.send('to the free one', [far, 5001])).toBeNull();
      await expect.poll(() => free.received).toEqual(['to the free one']);
      return 'done';
    });
    expect({ result, unguarded }).toEqual({ result: 'done', unguarded: null });
    expect(fixture.list()).toBe('');
    await guarded.send('later', [near, 4000]);
    await expect.poll(() => inPod.received).toEqual(['free', 'later']);
    expect(guarded.received).toEqual([]);
  },
);

test('a TCP connection that is guarded for a while goes on', async () => {
  using fixture = firewallFixture();
  const server = createServer((socket) => socket.pipe(socket));
  // Without an address it listens synchronously, in the namespace.
  runInNetworkNamespace(fixture.pod.fd, () => server.listen(4000));
  const client = spawn(
    'ip',
    [
      ...['netns', 'exec', fixture.outside.name, process.execPath, '-e'],
      `const socket = require('net').connect({ host: '${pod}', port: 4000, localPort: 5000 });
       socket.setNoDelay().on('connect', () => console.log('connected'));
       process.stdin.pipe(socket).pipe(process.stdout);`,
    ],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  await once(client.stdout, 'data');
  const received: string[] = [];
  client.stdout.on('data', (data) => received.push(String(data)));
  const tuples = [tuple(TCP, [outside, 5000], [pod, 4000]), tuple(TCP, [pod, 4000], [outside, 5000])];
  await withConnectionGuard(fixture.pod.fd, tuples, async () => {
    client.stdin.write('through the guard');
    await sleep(300);
    expect(received).toEqual([]);
  });
  await expect.poll(() => received.join(''), { timeout: 20_000 }).toBe('through the guard');
  client.stdin.end();
  await once(client, 'close');
  server.close();
  await once(server, 'close');
});

test('ICMP is guarded by its addresses', async () => {
  using fixture = firewallFixture();
  await withConnectionGuard(fixture.pod.fd, [tuple(1, [outside, 0], [pod, 0])], async () => {
    expect(isReachable(fixture, pod)).toBe(false);
    expect(isReachable(fixture, pod6)).toBe(true);
  });
  expect(isReachable(fixture, pod)).toBe(true);
});

test('the guard goes when the work fails, and several are in place at once', async () => {
  using fixture = firewallFixture();
  const before = 'table ip other {\n}\n';
  fixture.load(before);
  const guard = <T>(port: number, work: () => Promise<T>) =>
    withConnectionGuard(fixture.pod.fd, [tuple(UDP, [outside, port], [pod, 4000])], work);
  await expect(
    guard(1, () =>
      guard(2, async () => {
        expect(fixture.list().match(/table inet podlane_guard_/g)).toHaveLength(2);
        throw new Error('the work failed');
      }),
    ),
  ).rejects.toThrow('the work failed');
  expect(fixture.list()).toBe(before);
});

test('a guard goes with the agent that is killed; what an agent without owned tables left goes with the next', async () => {
  using fixture = firewallFixture();
  const tuples = [tuple(UDP, [outside, 5000], [pod, 4000])];
  const child = spawn(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `import { openSync } from 'node:fs';
       import { withConnectionGuard } from '${new URL('../../../server/datapath/migration/connection-guard.ts', import.meta.url)}';
       await withConnectionGuard(openSync('/run/netns/${fixture.pod.name}', 'r'), ${JSON.stringify(tuples)}, async () => {
         console.log('guarded');
         await new Promise((resolve) => setTimeout(resolve, 60_000));
       });`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  await once(child.stdout, 'data');
  expect(hasTable(fixture)).toBe(true);
  child.kill('SIGKILL');
  await once(child, 'close');
  await expect.poll(() => hasTable(fixture)).toBe(false);

  fixture.load(
    'table inet podlane_guard_1_1 { chain c { type filter hook prerouting priority -399; drop; }; }',
  );
  await withConnectionGuard(fixture.pod.fd, tuples, async () => {
    expect(fixture.list()).not.toContain('podlane_guard_1_1');
  });
  expect(fixture.list()).toBe('');
});

test('many tuples are guarded at once, and more than the limit are refused', async () => {
  using fixture = firewallFixture();
  const tuples = Array.from({ length: 16_384 }, (_, i) =>
    tuple(UDP, [`10.${i >> 8}.${i & 0xff}.1`, 5000], [pod, 4000]),
  );
  const { unguarded } = await withConnectionGuard(fixture.pod.fd, tuples, async () => {
    expect(fixture.list()).toContain('10.63.255.1 . 10.9.0.2 . udp . 5000 . 4000');
  });
  expect(unguarded).toBeNull();
  await expect(
    withConnectionGuard(fixture.pod.fd, [...tuples, tuples[0]!], async () => undefined),
  ).rejects.toMatchObject({ code: 'too_large' });
});

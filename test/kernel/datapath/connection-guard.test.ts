import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test, vi } from 'vitest';
import { withConnectionGuard } from '../../../server/datapath/migration/connection-guard.ts';
import type { ConnectionTuple } from '../../../server/datapath/migration/connection-guard-table.ts';
import { PacketQueue } from '../../../server/netlink/packet-queue.ts';
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

/** Numbers of the queues that a guard tries in turn. */
const queueNumbers = Array.from({ length: 16 }, (_, index) => 20_556 + index);

const occupy = (fixture: FirewallFixture, numbers: readonly number[]): Promise<PacketQueue[]> =>
  Promise.all(numbers.map((number) => PacketQueue.open(fixture.pod.fd, [number])));

/** Lists the queues of the pod's namespace: number, port of the socket, packets that are held. */
const listQueues = ({ run }: FirewallFixture): number[][] =>
  run('cat', '/proc/net/netfilter/nfnetlink_queue')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => line.trim().split(/\s+/).slice(0, 3).map(Number));

const numbered = (count: number): string[] => Array.from({ length: count }, (_, index) => String(index));

const guarded = <T>(fixture: FirewallFixture, tuples: readonly ConnectionTuple[], work: () => Promise<T>) =>
  withConnectionGuard(fixture.pod.fd, () => tuples, work);

const families = [
  ['IPv4', pod, outside],
  ['IPv6', pod6, outside6],
] as const;

test.each(families)(
  'packets of a guarded UDP flow are held both ways until the work is done, others pass: %s',
  async (_, near, far) => {
    using fixture = firewallFixture();
    expect(isReachable(fixture, near)).toBe(true);
    using inPod = await udpSocket(fixture.pod, near, 4000);
    using held = await udpSocket(fixture.outside, far, 5000);
    using free = await udpSocket(fixture.outside, far, 5001);
    const tuples = [tuple(UDP, [far, 5000], [near, 4000]), tuple(UDP, [near, 4000], [far, 5000])];
    const all = numbered(100);
    const found = await guarded(fixture, tuples, async () => {
      expect(hasTable(fixture)).toBe(true);
      for (const text of all) {
        await held.send(text, [near, 4000]);
        expect(await inPod.send(text, [far, 5000])).toBeNull();
      }
      await free.send('free', [near, 4000]);
      await inPod.send('to the free one', [far, 5001]);
      await expect.poll(() => inPod.received).toEqual(['free']);
      await expect.poll(() => free.received).toEqual(['to the free one']);
      expect(listQueues(fixture)).toEqual([[queueNumbers[0], expect.any(Number), 200]]);
      expect(held.received).toEqual([]);
      return 'done';
    });
    expect(found).toEqual({ result: 'done', unguarded: null, dropping: null });
    expect(fixture.list()).toBe('');
    expect(listQueues(fixture)).toEqual([]);
    await held.send('later', [near, 4000]);
    await expect.poll(() => inPod.received).toEqual(['free', ...all, 'later']);
    await expect.poll(() => held.received).toEqual(all);
  },
);

test('datagrams that are sent all the time arrive in order, from before the guard until after it', async () => {
  using fixture = firewallFixture();
  using inPod = await udpSocket(fixture.pod, pod, 4000);
  using sender = await udpSocket(fixture.outside, outside, 5000);
  const tuples = [tuple(UDP, [outside, 5000], [pod, 4000])];
  let sent = 0;
  let sending = true;
  const sends = (async () => {
    while (sending) {
      await sender.send(String(sent++), [pod, 4000]);
      await sleep(1);
    }
  })();
  for (let i = 0; i < 20; i++) {
    await sleep(10);
    const { dropping } = await guarded(fixture, tuples, () => sleep(20));
    expect(dropping).toBeNull();
  }
  sending = false;
  await sends;
  expect(sent).toBeGreaterThan(100);
  await expect.poll(() => inPod.received).toEqual(numbered(sent));
});

test.each(families)(
  'where all queues are taken, the packets are dropped instead: %s',
  async (_, near, far) => {
    using fixture = firewallFixture();
    const taken = await occupy(fixture, queueNumbers);
    using inPod = await udpSocket(fixture.pod, near, 4000);
    using dropped = await udpSocket(fixture.outside, far, 5000);
    const tuples = [tuple(UDP, [far, 5000], [near, 4000]), tuple(UDP, [near, 4000], [far, 5000])];
    const { dropping, unguarded } = await guarded(fixture, tuples, async () => {
      await dropped.send('dropped', [near, 4000]);
      expect(await inPod.send('refused', [far, 5000])).toMatchObject({ code: 'EPERM' });
    });
    expect({ dropping, unguarded }).toEqual({
      dropping: expect.stringContaining(`bind packet queue ${queueNumbers.at(-1)}`),
      unguarded: null,
    });
    expect(fixture.list()).toBe('');
    await dropped.send('later', [near, 4000]);
    await expect.poll(() => inPod.received).toEqual(['later']);
    expect(dropped.received).toEqual([]);
    for (const queue of taken) queue[Symbol.dispose]();
  },
);

test('a queue number that is taken is left to its process', async () => {
  using fixture = firewallFixture();
  const taken = await occupy(fixture, queueNumbers.slice(0, 2));
  using inPod = await udpSocket(fixture.pod, pod, 4000);
  using sender = await udpSocket(fixture.outside, outside, 5000);
  const { dropping } = await guarded(fixture, [tuple(UDP, [outside, 5000], [pod, 4000])], async () => {
    await sender.send('held', [pod, 4000]);
    await expect
      .poll(() => listQueues(fixture).map(([number, , packets]) => [number, packets]))
      .toEqual([
        [queueNumbers[0], 0],
        [queueNumbers[1], 0],
        [queueNumbers[2], 1],
      ]);
  });
  expect(dropping).toBeNull();
  await expect.poll(() => inPod.received).toEqual(['held']);
  for (const queue of taken) queue[Symbol.dispose]();
});

test('guards of a namespace wait for one another, since the kernel drops what is held when one goes', async () => {
  using fixture = firewallFixture();
  using inPod = await udpSocket(fixture.pod, pod, 4000);
  using sender = await udpSocket(fixture.outside, outside, 5000);
  const order: string[] = [];
  const guard = (name: string) =>
    guarded(fixture, [tuple(UDP, [outside, 5000], [pod, 4000])], async () => {
      order.push(`${name} begins`);
      await sender.send(name, [pod, 4000]);
      await sleep(50);
      order.push(`${name} ends`);
    });
  await Promise.all(['first', 'second', 'third'].map(guard));
  expect(order).toEqual(['first', 'second', 'third'].flatMap((name) => [`${name} begins`, `${name} ends`]));
  await expect.poll(() => inPod.received).toEqual(['first', 'second', 'third']);

  await guarded(fixture, [tuple(UDP, [outside, 5000], [pod, 4000])], async () => {
    await sender.send('lost', [pod, 4000]);
    await expect.poll(() => listQueues(fixture)[0]?.[2]).toBe(1);
    fixture.load('table ip other { chain c { type filter hook forward priority 0; }; }');
    expect(listQueues(fixture)[0]?.[2]).toBe(1);
    fixture.load('delete table ip other');
    expect(listQueues(fixture)[0]?.[2]).toBe(0);
  });
});

test('a guard opens after 30 s, and what it holds goes on', async () => {
  using fixture = firewallFixture();
  using inPod = await udpSocket(fixture.pod, pod, 4000);
  using sender = await udpSocket(fixture.outside, outside, 5000);
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  await guarded(fixture, [tuple(UDP, [outside, 5000], [pod, 4000])], async () => {
    await sender.send('held', [pod, 4000]);
    vi.advanceTimersByTime(29_999);
    expect(listQueues(fixture)[0]?.[2]).toBe(1);
    vi.advanceTimersByTime(1);
    vi.useRealTimers();
    await expect.poll(() => inPod.received).toEqual(['held']);
    await sender.send('later', [pod, 4000]);
    await expect.poll(() => inPod.received).toEqual(['held', 'later']);
  });
});

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
  await guarded(fixture, tuples, async () => {
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
  await guarded(fixture, [tuple(1, [outside, 0], [pod, 0])], async () => {
    expect(isReachable(fixture, pod)).toBe(false);
    expect(isReachable(fixture, pod6)).toBe(true);
  });
  expect(isReachable(fixture, pod)).toBe(true);
});

test('the guard goes when the work fails, and what it holds goes on', async () => {
  using fixture = firewallFixture();
  using inPod = await udpSocket(fixture.pod, pod, 4000);
  using sender = await udpSocket(fixture.outside, outside, 5000);
  const before = 'table ip other {\n}\n';
  fixture.load(before);
  await expect(
    guarded(fixture, [tuple(UDP, [outside, 5000], [pod, 4000])], async () => {
      await sender.send('held', [pod, 4000]);
      throw new Error('the work failed');
    }),
  ).rejects.toThrow('the work failed');
  expect(fixture.list()).toBe(before);
  await expect.poll(() => inPod.received).toEqual(['held']);
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
       await withConnectionGuard(openSync('/run/netns/${fixture.pod.name}', 'r'), () => (${JSON.stringify(tuples)}), async () => {
         console.log('guarded');
         await new Promise((resolve) => setTimeout(resolve, 60_000));
       });`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  await once(child.stdout, 'data');
  expect(hasTable(fixture)).toBe(true);
  using inPod = await udpSocket(fixture.pod, pod, 4000);
  using sender = await udpSocket(fixture.outside, outside, 5000);
  await sender.send('held', [pod, 4000]);
  await expect.poll(() => listQueues(fixture)).toEqual([[queueNumbers[0], expect.any(Number), 1]]);
  child.kill('SIGKILL');
  await once(child, 'close');
  await expect.poll(() => hasTable(fixture)).toBe(false);
  expect(listQueues(fixture)).toEqual([]);
  await sender.send('later', [pod, 4000]);
  await expect.poll(() => inPod.received).toEqual(['later']);

  fixture.load(
    'table inet podlane_guard_1_1 { chain c { type filter hook prerouting priority -399; drop; }; }',
  );
  await guarded(fixture, tuples, async () => {
    expect(fixture.list()).not.toContain('podlane_guard_1_1');
  });
  expect(fixture.list()).toBe('');
});

test('many tuples are guarded at once, and more than the limit are refused', async () => {
  using fixture = firewallFixture();
  const tuples = Array.from({ length: 16_384 }, (_, i) =>
    tuple(UDP, [`10.${i >> 8}.${i & 0xff}.1`, 5000], [pod, 4000]),
  );
  const { unguarded } = await guarded(fixture, tuples, async () => {
    expect(fixture.list()).toContain('10.63.255.1 . 10.9.0.2 . udp . 5000 . 4000');
  });
  expect(unguarded).toBeNull();
  await expect(guarded(fixture, [...tuples, tuples[0]!], async () => undefined)).rejects.toMatchObject({
    code: 'too_large',
  });
});

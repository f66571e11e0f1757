import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { readQdiscDrops } from '../../../server/netlink/qdisc-drops.ts';
import { device, peer, primary } from './device.ts';
import { testNamespace } from './namespaces.ts';

test('drops of a queue are what `tc -s` says, with those of its classes, and 0 without a queue', async () => {
  using host = testNamespace();
  using pod = testNamespace();
  await device(host, pod);
  expect(await readQdiscDrops(pod.socket, peer)).toBe(0);
  expect(await readQdiscDrops(pod.socket, 4711)).toBe(0);
  const run = (...command: string[]) =>
    execFileSync('ip', ['netns', 'exec', pod.name, ...command], { encoding: 'utf8' });
  for (const line of [
    'tc qdisc add dev eth0 root handle 1: htb default 10',
    'tc class add dev eth0 parent 1: classid 1:10 htb rate 8kbit burst 1600',
    'tc qdisc add dev eth0 parent 1:10 handle 10: pfifo limit 2',
    'ip address add 10.9.9.1/24 dev eth0',
    'ip neighbor add 10.9.9.2 dev eth0 lladdr 02:50:4c:10:00:00',
  ])
    run(...line.split(' '));
  run('sh', '-c', 'ping -q -c 40 -i 0.002 -W 0.1 -s 1000 10.9.9.2 >/dev/null || true');
  const [root] = JSON.parse(run('tc', '-json', '-s', 'qdisc', 'show', 'dev', 'eth0')) as { drops: number }[];
  expect(root?.drops).toBeGreaterThan(10);
  expect(await readQdiscDrops(pod.socket, peer)).toBe(root?.drops);
  expect(await readQdiscDrops(host.socket, primary)).toBe(0);
});

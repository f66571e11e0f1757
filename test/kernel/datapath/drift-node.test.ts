import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AgentEvent } from '../../../contract/agent-event.ts';
import type { NodeInfo } from '../../../contract/node.ts';
import type { Pod } from '../../../contract/pod.ts';
import { startTestNode, type TestNode } from '../../testbed/node.ts';

const timeout = 20_000;
let node: TestNode;
let other: Pod;

beforeAll(async () => {
  node = await startTestNode([], { bpffs: 'own' });
  await node.addPod('cart', ['10.42.0.2/32', 'fd42::2/128'], 'veth');
  // Sources of the host's echo requests.
  for (const address of ['192.0.2.1/32', '2001:db8::1/128'])
    node.run(['ip', 'address', 'add', address, 'dev', 'lo']);
  other = await node.addPod('web', ['10.42.0.3/32', 'fd42::3/128'], 'veth');
}, 240_000);
afterAll(() => node?.[Symbol.asyncDispose]());

const now = (): Promise<Pod> => node.ask<Pod>('GET', '/pods/shop.cart');
const inPod = async (...command: string[]): Promise<string> => node.run(command, (await now()).netns.path);
const events = async (): Promise<string[]> =>
  (await node.ask<{ items: AgentEvent[] }>('GET', '/events?limit=200')).items.map(({ message }) => message);
/** Echoes that the pod answers, of two: on the host's path, or redirected from the other pod. */
const answers = (address: string, from?: string): string =>
  /(\d) received/.exec(
    node.run(['sh', '-c', `ping -c 2 -i 0.05 -W 1 ${address} || true`], from ?? node.host),
  )?.[1] ?? '0';
const expectReachable = async (): Promise<void> => {
  for (const address of ['10.42.0.2', 'fd42::2'])
    for (const from of [node.host, other.netns.path])
      await expect
        .poll(() => answers(address, from), { timeout, message: `${address} from ${from}` })
        .toBe('2');
};

test('the pod’s own MAC is respected: neighbor entries and redirect follow it, and a migration keeps the pod reachable', async () => {
  await inPod('ip', 'link', 'set', 'eth0', 'address', '02:aa:bb:cc:dd:ee');
  await expectReachable();
  const { primary } = await now();
  const neighbors = node.run(['ip', 'neigh', 'show', 'dev', primary.name]);
  expect(neighbors).toMatch(/^10\.42\.0\.2 lladdr 02:aa:bb:cc:dd:ee PERMANENT/m);
  expect(neighbors).toMatch(/^fd42::2 lladdr 02:aa:bb:cc:dd:ee PERMANENT/m);
  expect(await inPod('ip', 'link', 'show', 'eth0')).toContain('02:aa:bb:cc:dd:ee');
  await expect
    .poll(events, { timeout })
    .toContainEqual(expect.stringMatching(/MAC of eth0 was changed to 02:aa.*neighbor entries follow it/));
  expect((await now()).attention).toEqual([]);
  expect(await node.migrate('shop.cart', 'veth', true)).toMatchObject({
    state: 'done',
    error: null,
  });
  await expectReachable();
});

test('the MAC of the host’s end is set back', async () => {
  const { primary, device } = await now();
  node.run(['ip', 'link', 'set', primary.name, 'address', '06:11:22:33:44:55']);
  await expectReachable();
  expect(node.run(['ip', 'link', 'show', primary.name])).toContain(device?.primary.mac);
  expect((await now()).attention).toEqual([]);
});

test('the MAC of a bridge port in the pod is left alone, and the pod says so', async () => {
  const ends = ['link', 'set', 'eth0'];
  await inPod('ip', 'link', 'add', 'br0', 'type', 'bridge');
  await inPod('ip', ...ends, 'master', 'br0');
  const { mac } = (await now()).device?.peer ?? {};
  await inPod('ip', ...ends, 'address', '02:00:00:00:00:77');
  await expect
    .poll(async () => (await now()).conditions, { timeout })
    .toContainEqual(
      expect.objectContaining({ reason: 'mac_changed', remedy: expect.stringContaining(`${mac}`) }),
    );
  await inPod('ip', ...ends, 'nomaster');
  await inPod('ip', 'link', 'delete', 'br0');
  await expect.poll(async () => (await now()).attention, { timeout }).toEqual([]);
  await expectReachable();
});

test.each([
  ['IPv4', 'net.ipv4.ip_forward'],
  ['IPv6', 'net.ipv6.conf.all.forwarding'],
])('%s forwarding that is turned off is turned on again within a second', async (family, sysctl) => {
  node.run(['sysctl', '-qw', `${sysctl}=0`]);
  await expect.poll(() => node.run(['sysctl', '-n', sysctl]).trim(), { timeout: 5000 }).toBe('1');
  await expect
    .poll(events, { timeout })
    .toContainEqual(expect.stringMatching(new RegExp(`${family} forwarding of the node was turned off`)));
});

test('a strict reverse path filter of the primary is repaired; one of all interfaces does not reach it, and the node names it', async () => {
  const own = `net.ipv4.conf.${(await now()).primary.name}`;
  const read = (sysctl: string) => node.run(['sysctl', '-n', sysctl]).trim();
  node.run(['sysctl', '-qw', `${own}.rp_filter=1`, `${own}.forwarding=0`]);
  await expect
    .poll(() => [read(`${own}.rp_filter`), read(`${own}.forwarding`)], { timeout })
    .toEqual(['0', '1']);
  node.run(['sysctl', '-qw', 'net.ipv4.conf.all.rp_filter=1']);
  await expect.poll(() => read(`${own}.rp_filter`), { timeout }).toBe('2');
  const conditions = async () => (await node.ask<NodeInfo>('GET', '/node')).conditions;
  await expect
    .poll(conditions, { timeout })
    .toEqual([
      expect.objectContaining({ reason: 'rp_filter_strict', remedy: expect.stringContaining('sysctl -w') }),
    ]);
  expect((await now()).attention).toEqual([]);
  node.run(['sysctl', '-qw', 'net.ipv4.conf.all.rp_filter=0']);
  await expect.poll(conditions, { timeout }).toEqual([]);
});

test('forwarding that something keeps turning off is a condition of the node and of its pods, with a remedy', async () => {
  for (let i = 0; i < 6; i++) {
    node.run(['sysctl', '-qw', 'net.ipv4.ip_forward=0']);
    await sleep(300);
  }
  const found = expect.objectContaining({
    reason: 'forwarding_off',
    message: expect.stringMatching(/again after \d repairs/),
    remedy: expect.stringContaining('sysctl -w net.ipv4.ip_forward=1'),
  });
  expect((await node.ask<NodeInfo>('GET', '/node')).conditions).toEqual([found]);
  expect((await now()).conditions).toEqual([found]);
  await expect.poll(() => node.run(['sysctl', '-n', 'net.ipv4.ip_forward']).trim(), { timeout }).toBe('1');
  await expect.poll(async () => (await now()).attention, { timeout }).toEqual([]);
});

/** Runs a command where the agent sees its own BPF file system. */
const besideAgent = (...command: string[]): string =>
  execFileSync('nsenter', ['-t', String(node.agentPid), '--mount', ...command], { encoding: 'utf8' });
const ownPrograms = async (): Promise<number> =>
  (await now()).device?.programs.filter(({ ours }) => ours).length ?? 0;

test('an unmounted BPF file system is mounted again, with all pins, and programs come back', async () => {
  const pins = () => besideAgent('find', node.pins, '-type', 'f').split('\n').sort();
  const before = pins();
  besideAgent('umount', '--lazy', '/sys/fs/bpf');
  await expect.poll(ownPrograms, { timeout: 60_000 }).toBe(2);
  await expect.poll(pins, { timeout: 60_000 }).toEqual(before);
  await expect.poll(async () => (await now()).attention, { timeout }).toEqual([]);
  await expectReachable();
}, 120_000);

test('programs that are removed again and again are put back without end', async () => {
  const link = join(node.pins, 'links');
  for (let i = 0; i < 5; i++) {
    besideAgent('sh', '-c', `rm ${link}/*`);
    await inPod('ip', 'link', 'set', 'eth0', 'mtu', '1400');
    await expect.poll(ownPrograms, { timeout: 60_000, interval: 200 }).toBe(2);
  }
}, 240_000);

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { closeSync, openSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { Pod } from '../../../contract/pod.ts';
import { createNamedNamespace, deleteNamedNamespace } from '../../../server/kernel/netns.ts';
import { startTestNode, type TestNode } from '../../testbed/node.ts';

const timeout = 20_000;
let node: TestNode;

beforeAll(async () => {
  node = await startTestNode();
}, 240_000);
afterAll(() => node?.[Symbol.asyncDispose]());

const read = (name: string): Promise<Pod> => node.ask<Pod>('GET', `/pods/shop.${name}`);
const isListed = async (name: string): Promise<boolean> =>
  (await node.ask<{ items: Pod[] }>('GET', '/pods')).items.some((pod) => pod.name === name);

/** A process that lives in a namespace until the test ends. */
function liveIn(path: string): ChildProcess {
  const process = spawn('nsenter', [`--net=${path}`, 'sleep', '600']);
  onTestFinished(() => void process.kill());
  return process;
}
const interfacesOf = ({ pid }: ChildProcess): string =>
  execFileSync('nsenter', ['-t', String(pid), '--net', 'ip', '-brief', 'link'], { encoding: 'utf8' });

test('a pod whose path is gone and in which a process lives keeps its interface and is read, repaired and migrated', async () => {
  const pod = await node.addPod('alive', ['10.42.0.2/32', 'fd42::2/128'], 'veth');
  const process = liveIn(pod.netns.path);
  await sleep(200);
  node.removeNamespace('alive');
  expect(await node.migrate('shop.alive', 'veth', true)).toMatchObject({ state: 'done' });
  expect(interfacesOf(process)).toMatch(/^eth0@/m);
  await expect
    .poll(async () => (await read('alive')).conditions, { timeout })
    .toEqual([
      expect.objectContaining({
        reason: 'namespace_path_gone',
        message: expect.stringContaining(`/proc/${process.pid}/ns/net`),
        remedy: expect.stringContaining('mount --bind'),
      }),
    ]);
  execFileSync('nsenter', ['-t', String(process.pid), '--net', 'ip', 'route', 'delete', 'default']);
  await expect
    .poll(async () => (await read('alive')).routes.pod.map(({ text }) => text), { timeout })
    .toContainEqual(expect.stringMatching(/^default via 169/));
  await node.killAgent();
  await node.startAgent();
  expect((await read('alive')).device).not.toBeNull();
  process.kill();
  await expect.poll(() => isListed('alive'), { timeout }).toBe(false);
  expect(node.run(['ip', '-brief', 'link', 'show', 'type', 'veth'])).not.toContain(`pl${pod.slot}`);
});

test('a namespace that nothing but a descriptor holds loses no device, and the pod says that it cannot be reached', async () => {
  const pod = await node.addPod('hidden', ['10.42.0.3/32'], 'veth');
  const descriptor = openSync(pod.netns.path, 'r');
  try {
    node.removeNamespace('hidden');
    node.run(['ip', 'link', 'set', pod.primary.name, 'mtu', '1400']);
    const summary = async () =>
      (await node.ask<{ items: Pod[] }>('GET', '/pods')).items.find(({ name }) => name === 'hidden');
    await expect
      .poll(async () => (await summary())?.attention, { timeout })
      .toEqual([expect.stringContaining('Podlane leaves it alone')]);
    await expect(node.migrate('shop.hidden', 'veth', true)).rejects.toMatchObject({ code: 'pod_gone' });
    await sleep(500);
    expect(node.run(['ip', '-brief', 'link', 'show', pod.primary.name])).toContain(pod.primary.name);
  } finally {
    closeSync(descriptor);
  }
  await expect.poll(() => isListed('hidden'), { timeout }).toBe(false);
});

test('another namespace at the pod’s path is not taken for the pod’s', async () => {
  const pod = await node.addPod('replaced', ['10.42.0.4/32'], 'veth');
  const process = liveIn(pod.netns.path);
  await sleep(200);
  node.removeNamespace('replaced');
  const name = pod.netns.path.split('/').at(-1) ?? '';
  createNamedNamespace(name);
  onTestFinished(() => {
    deleteNamedNamespace(name);
    rmSync(pod.netns.path, { force: true });
  });
  await expect
    .poll(() => read('replaced').then(({ device }) => device?.peer.name, String), { timeout })
    .toBe('eth0');
  expect(interfacesOf(process)).toMatch(/^eth0@/m);
  process.kill();
  await expect.poll(() => isListed('replaced'), { timeout }).toBe(false);
});

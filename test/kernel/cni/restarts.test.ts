import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import type { Pod } from '../../../contract/pod.ts';
import {
  cniSocketOf,
  cniStatusOf,
  expectNoContainers,
  podsOf,
  poolNetwork,
  runPlugin,
} from '../../testbed/cni-plugin.ts';
import { ping, startTestNode, type TestNode } from '../../testbed/node.ts';

async function start(flags?: string[]): Promise<TestNode> {
  const node = await startTestNode(flags);
  onTestFinished(() => node[Symbol.asyncDispose]());
  return node;
}

test('while no agent answers, ADD waits and ends with code 11, STATUS with 50, and DEL is left for the next agent', async () => {
  const node = await start();
  const socket = cniSocketOf(node);
  const netns = node.addNamespace('a');
  const container = { id: 'a', netns, config: poolNetwork() };
  expect((await runPlugin(socket, 'ADD', container)).code).toBe(0);
  await node.killAgent();
  const impatient = { ...container, id: 'b', environment: { PODLANE_CNI_WAIT_MS: '300' } };
  const from = performance.now();
  for (const command of ['ADD', 'CHECK', 'GC'])
    expect(await runPlugin(socket, command, impatient)).toMatchObject({
      code: 1,
      output: { cniVersion: '1.1.0', code: 11, msg: expect.stringContaining('does not answer at') },
    });
  expect(performance.now() - from).toBeGreaterThan(900);
  expect(await runPlugin(socket, 'STATUS', impatient)).toMatchObject({ output: { code: 50 } });
  expect(await runPlugin(socket, 'DEL', container)).toMatchObject({ code: 0, output: null });
  expect(readdirSync(join(dirname(socket), 'cni.pending'))).toEqual(['net+a+eth0']);
  // The container's namespace goes before an agent comes.
  node.removeNamespace('a');
  await node.startAgent();
  await expectNoContainers(node);
});

test('an ADD while the agent restarts succeeds', async () => {
  const node = await start();
  const netns = node.addNamespace('a');
  const container = { id: 'a', netns, config: poolNetwork() };
  await node.killAgent();
  const adding = runPlugin(cniSocketOf(node), 'ADD', {
    ...container,
    environment: { PODLANE_CNI_WAIT_MS: '60000' },
  });
  await sleep(300);
  await node.startAgent();
  const answer = await adding;
  expect(answer.code, JSON.stringify(answer.output)).toBe(0);
  await runPlugin(cniSocketOf(node), 'DEL', container);
  await expectNoContainers(node);
});

test('a killed agent’s successor has its containers, with identity and annotations, and their packets go on', async () => {
  const node = await start();
  const netns = node.addNamespace('a');
  const container = {
    id: 'a',
    netns,
    args: 'K8S_POD_NAMESPACE=shop;K8S_POD_NAME=cart',
    config: poolNetwork({ runtimeConfig: { 'io.kubernetes.cri.pod-annotations': { note: 'x' } } }),
  };
  const { output } = await runPlugin(cniSocketOf(node), 'ADD', container);
  node.run(['ip', 'address', 'add', '192.0.2.1/32', 'dev', 'lo']);
  const pinging = ping(netns, '192.0.2.1', 400, 5);
  const before = await node.ask<Pod>('GET', '/pods/shop.cart');
  expect(before.annotations).toEqual({ note: 'x' });
  await node.killAgent();
  await node.startAgent();
  const after = await node.ask<Pod>('GET', '/pods/shop.cart');
  expect(after).toMatchObject({ container: before.container, annotations: before.annotations });
  expect(await pinging).toMatchObject({ lost: 0 });
  const check = { ...container, config: poolNetwork({ prevResult: output }) };
  expect((await runPlugin(cniSocketOf(node), 'CHECK', check)).code).toBe(0);
  await runPlugin(cniSocketOf(node), 'DEL', container);
  await expectNoContainers(node);
});

test('agents that are killed amid ADDs and DELs leave nothing of those that failed, and all of those that did not', async () => {
  const node = await start();
  const socket = cniSocketOf(node);
  const count = 12;
  const namespaces = Array.from({ length: count }, (_, n) => node.addNamespace(`n${n}`));
  const containerOf = (n: number) => ({
    id: `n${n}`,
    netns: namespaces[n]!,
    config: poolNetwork(),
    environment: { PODLANE_CNI_WAIT_MS: '60000' },
  });
  const all = (command: string) => namespaces.map((_, n) => runPlugin(socket, command, containerOf(n)));
  for (const command of ['ADD', 'DEL', 'ADD', 'DEL']) {
    const running = all(command);
    await sleep(60);
    await node.killAgent();
    await node.startAgent();
    const answers = await Promise.all(running);
    expect(answers.filter(({ code }) => code !== 0)).toEqual([]);
    // A deletion that an agent did not answer is done by the next look.
    const wanted = command === 'ADD' ? count : 0;
    await runPlugin(socket, 'GC', { config: poolNetwork() });
    await expect.poll(async () => (await podsOf(node)).length).toBe(wanted);
    expect(await cniStatusOf(node)).toMatchObject({ containers: wanted, pending: 0 });
  }
  await expectNoContainers(node);
});

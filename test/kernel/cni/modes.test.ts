import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { Pod } from '../../../contract/pod.ts';
import {
  cniSocketOf,
  cniStatusOf,
  expectNoContainers,
  poolNetwork,
  runPlugin,
} from '../../testbed/cni-plugin.ts';
import { startTestNode, type TestNode } from '../../testbed/node.ts';

// Chained after another plugin: here Debian's ptp and bridge with host-local.

let node: TestNode;
let data: string;
beforeAll(async () => {
  node = await startTestNode();
  data = mkdtempSync(join(tmpdir(), 'podlane-t-ipam-'));
  node.run(['ip', 'address', 'add', '192.0.2.1/32', 'dev', 'lo']);
});
afterAll(async () => {
  await node[Symbol.asyncDispose]();
  rmSync(data, { recursive: true, force: true });
});

let serial = 0;
function addNamespace(): { id: string; netns: string } {
  const id = `m${serial++}`;
  const netns = node.addNamespace(id);
  onTestFinished(() => node.removeNamespace(id));
  return { id, netns };
}

/** Runs one of Debian's plugins on the node. */
function runOther(command: string, { id, netns }: { id: string; netns: string }, config: object) {
  const environment: Record<string, string> = {
    CNI_COMMAND: command,
    CNI_CONTAINERID: id,
    CNI_NETNS: netns,
    CNI_IFNAME: 'eth0',
    CNI_PATH: '/usr/lib/cni',
    PATH: process.env.PATH ?? '',
  };
  const { type } = config as { type: string };
  const text = execFileSync('nsenter', [`--net=${node.host}`, `/usr/lib/cni/${type}`], {
    input: JSON.stringify(config),
    env: environment as NodeJS.ProcessEnv,
    encoding: 'utf8',
  });
  return text === '' ? null : JSON.parse(text);
}

const other = (type: string, more: object = {}): object => ({
  cniVersion: '1.0.0',
  name: 'chained',
  type,
  ipam: { type: 'host-local', subnet: '10.49.0.0/24', dataDir: data, routes: [{ dst: '0.0.0.0/0' }] },
  ...more,
});
const ours = (more: object = {}): object =>
  poolNetwork({ cniVersion: '1.0.0', name: 'chained', pool: [], ...more });

test.each([
  ['observe', { mode: 'observe' }],
  ['no mode', {}],
])('%s: the container is recorded, and the result and the interface of the other plugin stay', async (_, mode) => {
  const container = addNamespace();
  const prevResult = runOther('ADD', container, other('ptp'));
  const before = node.run(['ip', '-d', 'address'], container.netns);
  const args = 'K8S_POD_NAMESPACE=shop;K8S_POD_NAME=cart;K8S_POD_UID=u-2';
  const call = { ...container, args, config: ours({ ...mode, prevResult }) };
  const answer = await runPlugin(cniSocketOf(node), 'ADD', call);
  expect(answer).toMatchObject({ code: 0, output: { cniVersion: '1.0.0', ips: prevResult.ips } });
  expect(answer.output.interfaces).toEqual(prevResult.interfaces);
  expect(node.run(['ip', '-d', 'address'], container.netns)).toBe(before);
  expect((await cniStatusOf(node)).observed).toEqual([
    expect.objectContaining({
      id: container.id,
      network: 'chained',
      netns: container.netns,
      hostInterface: prevResult.interfaces[0].name,
      addresses: [prevResult.ips[0].address.split('/')[0]],
      namespace: 'shop',
      name: 'cart',
      uid: 'u-2',
    }),
  ]);
  expect(await cniStatusOf(node)).toMatchObject({ containers: 0 });
  expect((await runPlugin(cniSocketOf(node), 'CHECK', call)).code).toBe(0);
  await runPlugin(cniSocketOf(node), 'DEL', call);
  expect(node.run(['ip', '-d', 'address'], container.netns)).toBe(before);
  runOther('DEL', container, other('ptp'));
  expect((await cniStatusOf(node)).observed).toEqual([]);
  await expectNoContainers(node);
});

test('convert: the container keeps addresses and MTU on a device of ours; the other plugin’s DEL is content', async () => {
  const container = addNamespace();
  const prevResult = runOther('ADD', container, other('ptp', { mtu: 1400 }));
  const call = { ...container, config: ours({ mode: 'convert', prevResult }) };
  const { code, output } = await runPlugin(cniSocketOf(node), 'ADD', call);
  expect(code, JSON.stringify(output)).toBe(0);
  const address = prevResult.ips[0].address.split('/')[0];
  expect(output).toMatchObject({
    interfaces: [
      { name: expect.stringMatching(/^pl\d+$/) },
      { name: 'eth0', sandbox: container.netns },
    ],
    ips: [{ address: `${address}/32`, gateway: '169.254.1.1', interface: 1 }],
  });
  const links = JSON.parse(node.run(['ip', '-j', 'link'], container.netns));
  expect(links.map(({ ifname, mtu }: { ifname: string; mtu: number }) => [ifname, mtu])).toEqual([
    ['lo', 65_536],
    ['eth0', 1400],
  ]);
  expect(node.run(['ip', '-o', 'link'])).not.toContain(prevResult.interfaces[0].name);
  node.run(['ping', '-c1', '-W5', address]);
  node.run(['ping', '-c1', '-W5', '192.0.2.1'], container.netns);
  expect(await node.ask<Pod>('GET', `/pods/chained.${container.id}`)).toMatchObject({
    addresses: [`${address}/32`],
    container: { mode: 'convert', ipam: null },
  });
  const check = { ...container, config: ours({ mode: 'convert', prevResult: output }) };
  expect((await runPlugin(cniSocketOf(node), 'CHECK', check)).code).toBe(0);
  // Plugins are asked to delete in the reverse order.
  await runPlugin(cniSocketOf(node), 'DEL', check);
  runOther('DEL', container, other('ptp', { mtu: 1400 }));
  await expectNoContainers(node);
});

test('convert: what is a port of a bridge is refused with its reason, and stays as it was', async () => {
  const container = addNamespace();
  const config = other('bridge', { bridge: 'cni-test0', isGateway: true });
  const prevResult = runOther('ADD', container, config);
  const before = node.run(['ip', 'address'], container.netns);
  const call = { ...container, config: ours({ mode: 'convert', prevResult }) };
  expect(await runPlugin(cniSocketOf(node), 'ADD', call)).toMatchObject({
    code: 1,
    output: { code: 110, msg: expect.stringContaining('is the port of a bridge') },
  });
  expect(node.run(['ip', 'address'], container.netns)).toBe(before);
  node.run(['ping', '-c1', '-W5', '10.49.0.1'], container.netns);
  await runPlugin(cniSocketOf(node), 'DEL', call);
  runOther('DEL', container, config);
  await expectNoContainers(node);
});

test('convert: what fails after the interface was set aside gives it its name back', async () => {
  const container = addNamespace();
  const prevResult = runOther('ADD', container, other('ptp'));
  const before = node.run(['ip', 'address'], container.netns);
  node.run(['ip', 'address', 'add', prevResult.ips[0].address.split('/')[0], 'dev', 'lo']);
  const call = { ...container, config: ours({ mode: 'convert', prevResult }) };
  expect(await runPlugin(cniSocketOf(node), 'ADD', call)).toMatchObject({ code: 1, output: { code: 103 } });
  expect(node.run(['ip', 'address'], container.netns)).toBe(before);
  await runPlugin(cniSocketOf(node), 'DEL', call);
  runOther('DEL', container, other('ptp'));
  await expectNoContainers(node);
});

test('observe and convert need a plugin before them', async () => {
  const container = addNamespace();
  for (const mode of ['observe', 'convert'])
    expect(
      await runPlugin(cniSocketOf(node), 'ADD', { ...container, config: ours({ mode }) }),
    ).toMatchObject({ code: 1, output: { code: 7 } });
  await expectNoContainers(node);
});

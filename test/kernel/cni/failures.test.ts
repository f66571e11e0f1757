import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import type { AgentEvent } from '../../../contract/agent-event.ts';
import {
  cniSocketOf,
  cniStatusOf,
  expectNoContainers,
  type PluginCall,
  poolNetwork,
  runPlugin,
  writePlugins,
} from '../../testbed/cni-plugin.ts';
import { startTestNode, type TestNode } from '../../testbed/node.ts';

// A failed ADD leaves nothing, whatever failed.

let node: TestNode;
let netns: string;
const call = (command: string, options: PluginCall) => runPlugin(cniSocketOf(node), command, options);

beforeAll(async () => {
  node = await startTestNode();
});
afterAll(async () => {
  await node[Symbol.asyncDispose]();
});
let serial = 0;
beforeEach(() => {
  const name = `f${serial++}`;
  netns = node.addNamespace(name);
  onTestFinished(() => node.removeNamespace(name));
});

test('an interface of that name is there already', async () => {
  node.run(['ip', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'other'], netns);
  expect(await call('ADD', { id: 'taken', netns, config: poolNetwork() })).toMatchObject({
    code: 1,
    output: { code: 102 },
  });
  await expectNoContainers(node);
});

test('an address that the node has, or a route leads to, is passed over; asked for, it is refused', async () => {
  node.run(['ip', 'address', 'add', '10.47.0.1/32', 'dev', 'lo']);
  node.run(['ip', 'link', 'add', 'others0', 'type', 'veth', 'peer', 'name', 'others1']);
  node.run(['ip', 'link', 'set', 'others0', 'up']);
  node.run(['ip', 'route', 'add', '10.47.0.2/32', 'dev', 'others0']);
  const config = poolNetwork({ name: 'small', pool: ['10.47.0.0/29'] });
  const { output } = await call('ADD', { id: 'next', netns, config });
  expect(output).toMatchObject({ ips: [{ address: '10.47.0.3/32' }] });
  await call('DEL', { id: 'next', netns, config });
  for (const address of ['10.47.0.1', '10.47.0.2'])
    expect(
      await call('ADD', {
        id: 'asked',
        netns,
        config: poolNetwork({ name: 'small', pool: ['10.47.0.0/29'], runtimeConfig: { ips: [address] } }),
      }),
    ).toMatchObject({ code: 1, output: { code: 103 } });
  await expectNoContainers(node);
  await expect
    .poll(async () =>
      (await node.ask<{ items: AgentEvent[] }>('GET', '/events')).items.filter(({ type }) => type === 'cni.failed'),
    )
    .toContainEqual(
      expect.objectContaining({
        severity: 'error',
        message: expect.stringContaining('Container asked of network small could not be added'),
      }),
    );
});

const ipam = { type: 'ipam-test' };
const delegated = (more: object = {}): object =>
  poolNetwork({ name: 'delegated', pool: [], ipam, ...more });
const logged = 'cat > /dev/null; echo "$CNI_COMMAND" >> "$(dirname "$0")/log";';
const versions = `case $CNI_COMMAND in VERSION) echo '{"cniVersion":"1.0.0","supportedVersions":["0.4.0","1.0.0"]}';;`;

test.each([
  [
    'says why it fails',
    `ADD) echo '{"cniVersion":"1.0.0","code":107,"msg":"no more"}'; exit 1;;`,
    { code: 107, msg: 'plugin ipam-test failed (ADD): no more' },
  ],
  ['fails without a word', 'ADD) echo broken >&2; exit 3;;', { code: 111, msg: expect.stringContaining('broken') }],
  ['answers with what is no JSON', 'ADD) echo hello;;', { code: 6 }],
  ['gives no address', `ADD) echo '{"cniVersion":"1.0.0","ips":[]}';;`, { code: 111 }],
  [
    'gives an address that the node has',
    `ADD) echo '{"cniVersion":"1.0.0","ips":[{"address":"10.48.0.1/24"}]}';;`,
    { code: 103 },
  ],
  [
    'gives a route that the datapath has no place for',
    `ADD) echo '{"cniVersion":"1.0.0","ips":[{"address":"10.48.0.9/24"}],"routes":[{"dst":"10.0.0.0/33"}]}';;`,
    { code: expect.any(Number) },
  ],
])('an IPAM plugin %s: it is asked to DEL, and nothing is left', async (_, script, error) => {
  node.run(['ip', 'address', 'replace', '10.48.0.1/32', 'dev', 'lo']);
  const folder = writePlugins({ 'ipam-test': `${logged} ${versions} ${script} esac` });
  const environment = { CNI_PATH: folder };
  expect(await call('ADD', { id: 'd', netns, config: delegated(), environment })).toMatchObject({
    code: 1,
    output: { cniVersion: '1.1.0', ...error },
  });
  expect(node.run(['cat', `${folder}/log`]).trim().split('\n')).toEqual(['VERSION', 'ADD', 'DEL']);
  await expectNoContainers(node);
});

test('an IPAM plugin that cannot release an address is asked again', async () => {
  const folder = writePlugins({
    'ipam-test': `${logged} ${versions} DEL) [ -e "$(dirname "$0")/works" ] || exit 1;; ADD) exit 1;; esac`,
  });
  const environment = { CNI_PATH: folder };
  expect((await call('ADD', { id: 'later', netns, config: delegated(), environment })).code).toBe(1);
  expect(await cniStatusOf(node)).toMatchObject({ pending: 1 });
  node.run(['touch', `${folder}/works`]);
  expect((await call('GC', { config: delegated(), environment })).code).toBe(0);
  expect(await cniStatusOf(node)).toMatchObject({ pending: 0 });
  await expectNoContainers(node);
});

test('an IPAM plugin that is not there is named, with where it was looked for', async () => {
  const environment = { CNI_PATH: '/nowhere:/also/nowhere' };
  const add = await call('ADD', { id: 'none', netns, config: delegated(), environment });
  expect(add).toMatchObject({
    code: 1,
    output: { code: 111, msg: expect.stringContaining('not in CNI_PATH /nowhere:/also/nowhere') },
  });
  expect(await call('STATUS', { config: delegated(), environment })).toMatchObject({
    output: { code: 50 },
  });
  await expectNoContainers(node);
});

test('its result is the container’s, in the version asked; CHECK, STATUS and GC reach it where it knows them', async () => {
  const result = `{"cniVersion":"0.4.0","ips":[{"version":"4","address":"10.48.0.20/24","gateway":"10.48.0.254"}],"routes":[{"dst":"0.0.0.0/0"},{"dst":"192.0.2.0/24"}],"dns":{"nameservers":["192.0.2.53"]}}`;
  const folder = writePlugins({
    'ipam-test': `${logged} case $CNI_COMMAND in VERSION) echo '{"cniVersion":"0.4.0","supportedVersions":["0.3.1","0.4.0"]}';; ADD) echo '${result}';; esac`,
  });
  const environment = { CNI_PATH: folder };
  const container: PluginCall = { id: 'ok', netns, config: delegated(), environment };
  const { output } = await call('ADD', container);
  expect(output).toMatchObject({
    cniVersion: '1.1.0',
    ips: [{ address: '10.48.0.20/32', gateway: '169.254.1.1' }],
    routes: [{ dst: '0.0.0.0/0' }, { dst: '192.0.2.0/24', gw: '169.254.1.1' }],
    dns: { nameservers: ['192.0.2.53'] },
  });
  expect(node.run(['ip', 'route'], netns)).toContain('192.0.2.0/24 via 169.254.1.1');
  expect((await call('CHECK', { ...container, config: delegated({ prevResult: output }) })).code).toBe(0);
  expect((await call('STATUS', container)).code).toBe(0);
  expect((await call('DEL', container)).code).toBe(0);
  expect(node.run(['cat', `${folder}/log`]).trim().split('\n')).toEqual(['VERSION', 'ADD', 'CHECK', 'DEL']);
  await expectNoContainers(node);
});

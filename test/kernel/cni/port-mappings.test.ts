import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  cniSocketOf,
  expectNoContainers,
  poolNetwork,
  runPlugin,
} from '../../testbed/cni-plugin.ts';
import { startTestNode, type TestNode } from '../../testbed/node.ts';

let node: TestNode;
let client: string;
/** A namespace beside the node, as a machine of its network. */
beforeAll(async () => {
  node = await startTestNode();
  client = node.addNamespace('client');
  node.run(['ip', 'link', 'add', 'up0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', client]);
  for (const [netns, name, address] of [
    [node.host, 'up0', '198.51.100.1/24'],
    [client, 'eth0', '198.51.100.2/24'],
    [node.host, 'up0', '2001:db8:1::1/64'],
    [client, 'eth0', '2001:db8:1::2/64'],
  ] as const) {
    node.run(['ip', 'address', 'add', address, 'dev', name, ...(address.includes('::') ? ['nodad'] : [])], netns);
    node.run(['ip', 'link', 'set', name, 'up'], netns);
  }
  node.run(['ip', 'route', 'add', '10.44.0.0/24', 'via', '198.51.100.1'], client);
});
afterAll(async () => {
  await node[Symbol.asyncDispose]();
});

const serve = `const {createServer} = require('net'); const [host, port, name] = process.argv.slice(1);
createServer((c) => c.on('error', () => {}).end(name + ' ' + c.remoteAddress)).listen(Number(port), '::', () => console.log('ready'))`;
const ask = `const {connect} = require('net'); const [host, port] = process.argv.slice(1);
const c = connect(Number(port), host); c.setTimeout(5000, () => process.exit(3)); c.on('error', (e) => { console.log(e.code); process.exit(0) }); c.pipe(process.stdout)`;

const askAt = (netns: string, host: string, port: number): string =>
  execFileSync('nsenter', [`--net=${netns}`, process.execPath, '-e', ask, host, String(port)], {
    encoding: 'utf8',
    timeout: 30_000,
  }).trim();

async function startServer(netns: string, port: number, name: string) {
  const child = spawn('nsenter', [`--net=${netns}`, process.execPath, '-e', serve, '', String(port), name], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return {
    async [Symbol.asyncDispose]() {
      child.kill();
      await once(child, 'close');
    },
  };
}

const mapped = (portMappings: object[]) => poolNetwork({ runtimeConfig: { portMappings } });

test('ports of the node lead to the container, from outside, the node and the container; another has them no more', async () => {
  const netns = node.addNamespace('web');
  const config = mapped([
    { hostPort: 8080, containerPort: 80, protocol: 'tcp' },
    { hostPort: 8081, containerPort: 80, protocol: 'TCP', hostIP: '198.51.100.1' },
    { hostPort: 0, containerPort: 81 },
  ]);
  const container = { id: 'web', netns, config };
  expect((await runPlugin(cniSocketOf(node), 'ADD', container)).code).toBe(0);
  await using _ = await startServer(netns, 80, 'web');
  expect(askAt(client, '198.51.100.1', 8080)).toBe('web ::ffff:198.51.100.2');
  expect(askAt(client, '198.51.100.1', 8081)).toBe('web ::ffff:198.51.100.2');
  expect(askAt(client, '2001:db8:1::1', 8080)).toBe('web 2001:db8:1::2');
  expect(askAt(client, '2001:db8:1::1', 8081)).toBe('ECONNREFUSED');
  expect(askAt(node.host, '198.51.100.1', 8080)).toMatch(/^web /);
  expect(askAt(netns, '198.51.100.1', 8080)).toMatch(/^web /);
  const other = node.addNamespace('other');
  for (const taken of [
    [{ hostPort: 8080, containerPort: 90 }],
    [{ hostPort: 8081, containerPort: 90, hostIP: '198.51.100.1' }],
  ])
    expect(
      await runPlugin(cniSocketOf(node), 'ADD', { id: 'other', netns: other, config: mapped(taken) }),
    ).toMatchObject({ code: 1, output: { code: 113 } });
  await node.killAgent();
  await node.startAgent();
  expect(askAt(client, '198.51.100.1', 8080)).toBe('web ::ffff:198.51.100.2');
  expect((await runPlugin(cniSocketOf(node), 'DEL', container)).code).toBe(0);
  expect(askAt(client, '198.51.100.1', 8080)).toBe('ECONNREFUSED');
  expect(node.run(['nft', 'list', 'tables'])).not.toContain('podlane_ports');
  await expectNoContainers(node);
});

test.each([
  ['an address that is none', [{ hostPort: 80, containerPort: 80, hostIP: 'x' }], 199],
  ['a protocol that is none', [{ hostPort: 80, containerPort: 80, protocol: 'icmp' }], 7],
  ['a port that is none', [{ hostPort: 80, containerPort: 0 }], 7],
])('%s is refused', async (_, mappings, code) => {
  const netns = node.addNamespace(`bad${code}${mappings[0]!.hostPort}${Object.keys(mappings[0]!).length}`);
  expect(
    await runPlugin(cniSocketOf(node), 'ADD', { id: 'bad', netns, config: mapped(mappings) }),
  ).toMatchObject({ code: 1, output: { code } });
  await expectNoContainers(node);
});

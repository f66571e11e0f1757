import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { cniVersions } from '../../contract/cni-version.ts';
import { ensureCniTool } from '../../scripts/runtimes/build-cnitool.ts';
import {
  cniSocketOf,
  cniStatusOf,
  expectNoContainers,
  pluginPath,
  podsOf,
  poolNetwork,
  runPlugin,
} from '../testbed/cni-plugin.ts';
import { startTestNode, type TestNode } from '../testbed/node.ts';

// The real libcni drives our plugin, alone and chained with Debian's.

const debianPlugins = '/usr/lib/cni';
/** Where libcni keeps results; each test node has its own there. */
const cacheFolder = '/var/lib/cni';

let tool: string;
let node: TestNode;
let folder: string;
let madeCacheFolder = false;

beforeAll(async () => {
  tool = await ensureCniTool();
  node = await startTestNode();
  folder = mkdtempSync(join(tmpdir(), 'podlane-t-cnitool-'));
  for (const part of ['plugins', 'cache', 'leases']) mkdirSync(join(folder, part));
  symlinkSync(pluginPath, join(folder, 'plugins/podlane'));
  if (!existsSync(cacheFolder)) {
    mkdirSync(cacheFolder, { recursive: true });
    madeCacheFolder = true;
  }
});
afterAll(async () => {
  await node[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
  if (madeCacheFolder) rmdirSync(cacheFolder);
});

interface ToolAnswer {
  code: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into results of all versions
  output: any;
  errors: string;
}

interface ToolOptions {
  network?: string;
  capabilities?: object;
  args?: string;
  environment?: Record<string, string>;
}

/** Runs cnitool on the node, with a cache of its own. */
function runTool(command: string, netns: string, options: ToolOptions = {}): Promise<ToolAnswer> {
  const { network = 'net', capabilities, args, environment = {} } = options;
  const script = `mount --bind "$CACHE" ${cacheFolder} && exec "$TOOL" "$@"`;
  const words = ['--mount', 'sh', '-c', script, 'sh', command, network, netns];
  const variables: Record<string, string> = {
    PATH: process.env.PATH ?? '',
    CACHE: join(folder, 'cache'),
    TOOL: tool,
    NETCONFPATH: join(folder, 'networks'),
    CNI_PATH: `${join(folder, 'plugins')}:${debianPlugins}`,
    PODLANE_CNI_SOCKET: cniSocketOf(node),
    ...(capabilities && { CAP_ARGS: JSON.stringify(capabilities) }),
    ...(args && { CNI_ARGS: args }),
    ...environment,
  };
  return new Promise((resolve, reject) => {
    const child = spawn('nsenter', [`--net=${node.host}`, 'unshare', ...words], {
      env: variables as NodeJS.ProcessEnv,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    child.on('error', reject);
    child.on('close', (code) => {
      const output = stdout.trimStart().startsWith('{') ? JSON.parse(stdout) : null;
      resolve({ code: code ?? -1, output, errors: `${stderr}${output === null ? stdout : ''}` });
    });
  });
}

const ours = (more: object = {}): object => {
  const { name: _, cniVersion: __, ...plugin } = poolNetwork(more) as { name: string; cniVersion: string };
  return plugin;
};

/** Writes a network configuration, in place of any other. */
function writeNetwork(cniVersion: string, plugins: object[], name = 'net'): void {
  rmSync(join(folder, 'networks'), { recursive: true, force: true });
  mkdirSync(join(folder, 'networks'));
  writeFileSync(join(folder, 'networks/10-net.conflist'), JSON.stringify({ cniVersion, name, plugins }));
}

let serial = 0;
function addNamespace(): string {
  const name = `n${serial++}`;
  const netns = node.addNamespace(name);
  onTestFinished(() => node.removeNamespace(name));
  return netns;
}

/** No container, and nothing that libcni has cached. */
async function expectNothing(): Promise<void> {
  await expectNoContainers(node);
  const cached = join(folder, 'cache/results');
  expect(existsSync(cached) ? readdirSync(cached) : []).toEqual([]);
}

beforeEach(() => {
  rmSync(join(folder, 'cache'), { recursive: true, force: true });
  mkdirSync(join(folder, 'cache'));
});

describe('every command in every version of the specification', () => {
  test.each(cniVersions)('%s', async (version) => {
    writeNetwork(version, [ours()]);
    const netns = addNamespace();
    const added = await runTool('add', netns);
    expect(added.code, added.errors).toBe(0);
    expect(added.output).toMatchObject({ cniVersion: version });
    expect(await cniStatusOf(node)).toMatchObject({ containers: 1 });
    const checked = await runTool('check', netns);
    // libcni itself refuses it for versions that have no CHECK.
    if (version.startsWith('0.') && version !== '0.4.0') expect(checked.code).not.toBe(0);
    else expect(checked.code, checked.errors).toBe(0);
    const status = await runTool('status', netns);
    expect(status.code, status.errors).toBe(0);
    const deleted = await runTool('del', netns);
    expect(deleted.code, deleted.errors).toBe(0);
    expect((await runTool('del', netns)).code).toBe(0);
    const collected = await runTool('gc', netns);
    expect(collected.code, collected.errors).toBe(0);
    await expectNothing();
  });
});

test('an ADD of a container that is attached fails with code 101 and changes nothing', async () => {
  writeNetwork('1.1.0', [ours()]);
  const netns = addNamespace();
  await runTool('add', netns);
  const again = await runTool('add', netns);
  expect(again.code).not.toBe(0);
  expect(again.errors).toContain('already');
  expect(await cniStatusOf(node)).toMatchObject({ containers: 1 });
  expect((await runTool('del', netns)).code).toBe(0);
  await expectNothing();
});

test('GC deletes what libcni has cached, and nothing of other runtimes', async () => {
  writeNetwork('1.1.0', [ours()]);
  const [netns, others] = [addNamespace(), addNamespace()];
  await runTool('add', netns);
  const theirs = { id: 'of-another-runtime', netns: others, config: poolNetwork() };
  await runPlugin(cniSocketOf(node), 'ADD', theirs);
  expect((await runTool('gc', netns)).code).toBe(0);
  expect((await podsOf(node)).map(({ name }) => name)).toEqual(['of-another-runtime']);
  await runPlugin(cniSocketOf(node), 'DEL', theirs);
  await expectNothing();
});

test('STATUS is that of the IPAM plugin and of the pool; without an agent it is not available', async () => {
  writeNetwork('1.1.0', [ours({ pool: ['10.45.0.0/30'] })]);
  const namespaces = [addNamespace(), addNamespace()];
  for (const netns of namespaces) expect((await runTool('add', netns)).code).toBe(0);
  const full = await runTool('status', namespaces[0]!);
  expect(full.code).not.toBe(0);
  expect(full.errors).toContain('all addresses of 10.45.0.0/30 are in use');
  for (const netns of namespaces) await runTool('del', netns);
  writeNetwork('1.1.0', [ours({ pool: [], ipam: { type: 'not-there' } })]);
  const missing = await runTool('status', namespaces[0]!);
  expect(missing.errors).toContain('not-there');
  await node.stopAgent();
  expect((await runTool('status', namespaces[0]!)).errors).toContain('does not answer');
  await node.startAgent();
  await expectNothing();
});

describe('IPAM plugins of Debian', () => {
  test('host-local: addresses of its ranges, given back with the container', async () => {
    const ipam = {
      type: 'host-local',
      ranges: [[{ subnet: '10.46.0.0/29' }], [{ subnet: 'fd46::/64' }]],
      dataDir: join(folder, 'leases'),
    };
    writeNetwork('1.0.0', [ours({ pool: [], ipam })]);
    const leases = () => readdirSync(join(folder, 'leases/net')).filter((name) => /^(10\.|fd46)/.test(name));
    for (let round = 0; round < 8; round++) {
      const netns = addNamespace();
      const { output, code, errors } = await runTool('add', netns);
      expect(code, errors).toBe(0);
      expect(output.ips).toMatchObject([
        { address: expect.stringMatching(/^10\.46\.0\.\d\/32$/) },
        { address: expect.stringMatching(/^fd46::[\da-f]+\/128$/) },
      ]);
      expect(leases()).toHaveLength(2);
      expect((await runTool('check', netns)).code).toBe(0);
      expect((await runTool('del', netns)).code).toBe(0);
      expect(leases()).toEqual([]);
    }
    await expectNothing();
  });

  test('static: the addresses of its configuration, and those that the runtime asks for', async () => {
    const ipam = {
      type: 'static',
      addresses: [{ address: '10.46.1.5/24', gateway: '10.46.1.1' }],
      routes: [{ dst: '0.0.0.0/0' }, { dst: '192.0.2.0/24' }],
      dns: { nameservers: ['192.0.2.53'] },
    };
    writeNetwork('1.0.0', [ours({ pool: [], ipam })]);
    const netns = addNamespace();
    const { output, code, errors } = await runTool('add', netns);
    expect(code, errors).toBe(0);
    expect(output).toMatchObject({
      ips: [{ address: '10.46.1.5/32', gateway: '169.254.1.1' }],
      dns: { nameservers: ['192.0.2.53'] },
    });
    expect(node.run(['ip', 'route'], netns)).toContain('192.0.2.0/24 via 169.254.1.1');
    const second = await runTool('add', addNamespace());
    expect(second.errors).toContain('address');
    await runTool('del', netns);
    writeNetwork('1.0.0', [{ ...ours({ pool: [], ipam: { type: 'static' } }), capabilities: { ips: true } }]);
    const capabilities = { ips: ['10.46.1.9/24', 'fd46:1::9/64'] };
    const asked = await runTool('add', netns, { capabilities });
    expect(asked.output?.ips, asked.errors).toMatchObject([
      { address: '10.46.1.9/32' },
      { address: 'fd46:1::9/128' },
    ]);
    await runTool('del', netns, { capabilities });
    await runTool('gc', netns);
    await expectNothing();
  });
});

describe('chained with Debian’s plugins', () => {
  test('portmap: a port of the node leads to the container, until it is deleted', async () => {
    const rules = () => node.run(['iptables-save', '-t', 'nat']).match(/CNI-DN-\w+/g) ?? [];
    writeNetwork('1.0.0', [ours(), { type: 'portmap', capabilities: { portMappings: true }, snat: true }]);
    node.run(['ip', 'address', 'replace', '192.0.2.1/32', 'dev', 'lo']);
    const netns = addNamespace();
    const capabilities = { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }] };
    const { code, errors } = await runTool('add', netns, { capabilities });
    expect(code, errors).toBe(0);
    const serve = "require('net').createServer((c) => c.end('hello')).listen(80, () => console.log('ready'))";
    const server = spawn('nsenter', [`--net=${netns}`, process.execPath, '-e', serve]);
    onTestFinished(() => void server.kill());
    await new Promise((resolve) => server.stdout.once('data', resolve));
    const ask = "require('net').connect(8080, '192.0.2.1').pipe(process.stdout)";
    expect(node.run([process.execPath, '-e', ask])).toBe('hello');
    expect(rules()).not.toEqual([]);
    expect((await runTool('check', netns, { capabilities })).code).toBe(0);
    expect((await runTool('del', netns, { capabilities })).code).toBe(0);
    expect(rules()).toEqual([]);
    await expectNothing();
  });

  test('bandwidth: limits what it sends and gets beside our programs, which count it all', async () => {
    writeNetwork('1.0.0', [ours({ device: 'veth' }), { type: 'bandwidth', capabilities: { bandwidth: true } }]);
    const netns = addNamespace();
    const rate = { ingressRate: 8_000_000, ingressBurst: 800_000, egressRate: 8_000_000, egressBurst: 800_000 };
    const { output, code, errors } = await runTool('add', netns, { capabilities: { bandwidth: rate } });
    expect(code, errors).toBe(0);
    const [{ name }] = output.interfaces;
    expect(node.run(['tc', 'qdisc', 'show', 'dev', name])).toMatch(/tbf.*rate 8Mbit[\s\S]*ingress/);
    const pod = (await podsOf(node))[0]!;
    expect(pod.attention).toEqual([]);
    expect(pod.hooks).toBe('tcx');
    node.run(['ip', 'address', 'replace', '192.0.2.1/32', 'dev', 'lo']);
    node.run(['ping', '-c', '20', '-i', '0.01', '-W', '5', '192.0.2.1'], netns);
    const metric = new RegExp(`podlane_pod_packets_total\\{[^}]*pod="${pod.name}",direction="egress"\\} (\\d+)`);
    expect(Number(metric.exec(await node.metrics())?.[1])).toBeGreaterThanOrEqual(20);
    expect((await runTool('check', netns, { capabilities: { bandwidth: rate } })).code).toBe(0);
    expect((await runTool('del', netns, { capabilities: { bandwidth: rate } })).code).toBe(0);
    expect(node.run(['ip', '-o', 'link', 'show', 'type', 'ifb'])).not.toContain('bwp');
    await expectNothing();
  });

  test('in version 1.1.0, which Debian’s do not speak, libcni says so and takes our ADD back', async () => {
    writeNetwork('1.1.0', [ours(), { type: 'portmap', capabilities: { portMappings: true } }]);
    const netns = addNamespace();
    const { code, errors } = await runTool('add', netns);
    expect(code).not.toBe(0);
    expect(errors).toContain('incompatible CNI versions');
    // A runtime deletes what it failed to add.
    await runTool('del', netns);
    await runPlugin(cniSocketOf(node), 'GC', { config: poolNetwork() });
    const left = await podsOf(node);
    for (const { id } of left) await node.ask('DELETE', `/pods/${id}`);
    await expectNoContainers(node);
  });
});

describe('leaves nothing', () => {
  test('after 200 ADDs and DELs in a row', { timeout: 600_000 }, async () => {
    writeNetwork('1.1.0', [ours()]);
    const netns = addNamespace();
    const addresses = new Set<string>();
    for (let round = 0; round < 200; round++) {
      const { output, code, errors } = await runTool('add', netns);
      expect(code, errors).toBe(0);
      addresses.add(output.ips[0].address);
      expect((await runTool('del', netns)).code).toBe(0);
    }
    expect(addresses.size).toBe(200);
    expect(node.run(['ip', '-o', 'link'], netns).trim().split('\n')).toHaveLength(1);
    await expectNothing();
  });

  test('after 20 at once, the agent killed meanwhile', { timeout: 600_000 }, async () => {
    writeNetwork('1.1.0', [ours()]);
    const namespaces = Array.from({ length: 20 }, addNamespace);
    const environment = { PODLANE_CNI_WAIT_MS: '120000' };
    for (const command of ['add', 'del', 'add', 'del']) {
      const running = namespaces.map((netns) => runTool(command, netns, { environment }));
      await sleep(150);
      await node.killAgent();
      await node.startAgent();
      const answers = await Promise.all(running);
      expect(answers.filter(({ code }) => code !== 0).map(({ errors }) => errors)).toEqual([]);
      await runPlugin(cniSocketOf(node), 'GC', { config: poolNetwork() });
      const wanted = command === 'add' ? 20 : 0;
      await expect.poll(async () => (await podsOf(node)).length).toBe(wanted);
      const given = (await podsOf(node)).flatMap(({ addresses }) => addresses);
      expect(new Set(given).size).toBe(2 * wanted);
    }
    await expectNothing();
  });
});

import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { fakeAgent, podlane } from './podlane-process.ts';

const status = {
  socket: '/run/podlane/cni.sock',
  containers: 0,
  observed: [],
  misplaced: 0,
  pools: [{ prefix: '10.244.0.0/24', used: 3, size: 254 }],
  pending: 0,
  policy: { default: null, rules: [] },
};

/** Folders of a node, with a program that takes the place of the plugin. */
function createNode() {
  const folder = mkdtempSync(join(tmpdir(), 'podlane-t-install-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const [bin, net, plugin] = [join(folder, 'bin'), join(folder, 'net.d'), join(folder, 'plugin')];
  writeFileSync(plugin, 'the plugin');
  const folders = ['--bin-dir', bin, '--conf-dir', net];
  const run = async (command: string, ...words: string[]) => {
    const all = [...command.split(' '), ...folders, '--json', '--socket', join(folder, 'none'), ...words];
    const { code, stdout, stderr } = await podlane(...all);
    return { code, value: stdout === '' ? null : JSON.parse(stdout), problem: stderr === '' ? null : JSON.parse(stderr) };
  };
  const install = (...words: string[]) => run('cni install', '--plugin', plugin, ...words);
  const pool = ['--pool', '198.18.7.0/24'];
  return { folder, bin, net, plugin, run, install, pool };
}

const read = (...parts: string[]) => JSON.parse(readFileSync(join(...parts), 'utf8'));

test('install writes the plugin and a network that sorts last; uninstall leaves nothing', async () => {
  const { folder, bin, net, run, install, pool } = createNode();
  const installed = await install(...pool, '--pool', 'fd00:18::/64', '--device', 'veth', '--mtu', '1400');
  expect(installed).toMatchObject({
    code: 0,
    value: {
      changes: [
        { path: join(bin, 'podlane'), change: 'written', kept: null },
        { path: join(net, '99-podlane.conflist'), change: 'written', kept: null },
      ],
    },
  });
  expect(statSync(join(bin, 'podlane')).mode & 0o777).toBe(0o755);
  expect(statSync(join(net, '99-podlane.conflist')).mode & 0o777).toBe(0o644);
  expect(read(net, '99-podlane.conflist')).toEqual({
    cniVersion: '1.0.0',
    name: 'podlane',
    plugins: [
      {
        type: 'podlane',
        device: 'veth',
        mtu: 1400,
        pool: ['198.18.7.0/24', 'fd00:18::/64'],
        capabilities: {
          portMappings: true,
          ips: true,
          mac: true,
          aliases: true,
          'io.kubernetes.cri.pod-annotations': true,
        },
      },
    ],
  });
  // Nothing else is there that a runtime would read.
  expect(readdirSync(net).filter((name) => /\.(conf|conflist|json)$/.test(name))).toHaveLength(1);
  expect((await run('cni uninstall', '--force')).code).toBe(0);
  expect(readdirSync(folder)).toEqual(['plugin']);
  expect(await run('cni uninstall', '--force')).toMatchObject({ code: 0, value: { changes: [] } });
});

test('installed again it changes what differs, and gives back what it does not want any more', async () => {
  const { bin, net, plugin, install, pool } = createNode();
  await install(...pool);
  expect((await install(...pool)).value.changes.map(({ change }: { change: string }) => change)).toEqual([
    'unchanged',
    'unchanged',
  ]);
  writeFileSync(plugin, 'the next plugin');
  const ipam = { type: 'host-local', subnet: '198.18.8.0/24' };
  expect((await install('--first', '--network', 'pods', '--ipam', JSON.stringify(ipam), '--cni-version', '1.1.0')).code).toBe(0);
  expect(readFileSync(join(bin, 'podlane'), 'utf8')).toBe('the next plugin');
  expect(readdirSync(net).sort()).toEqual(['00-pods.conflist', 'podlane.installed']);
  expect(read(net, '00-pods.conflist')).toMatchObject({ cniVersion: '1.1.0', name: 'pods', plugins: [{ ipam }] });
});

test.each([
  ['a list', '10-other.conflist', { cniVersion: '0.4.0', name: 'other', plugins: [{ type: 'ptp' }, { type: 'portmap' }] }],
  ['a single plugin', '10-other.conf', { cniVersion: '0.4.0', name: 'other', type: 'ptp' }],
])('chained in a network of %s, which is given back byte for byte', async (_, name, before) => {
  const { bin, net, run, install } = createNode();
  mkdirSync(net);
  const text = JSON.stringify(before, null, 7);
  writeFileSync(join(net, name), text);
  chmodSync(join(net, name), 0o640);
  expect((await install('--chain', 'other')).code).toBe(0);
  // Made anew of what was there, not of what was made of it.
  expect((await install('--chain', 'other', '--mode', 'convert')).code).toBe(0);
  const { plugins, ...rest } = read(net, '10-other.conflist');
  expect(rest).toEqual({ cniVersion: '0.4.0', name: 'other' });
  expect(plugins).toEqual([
    ...('plugins' in before ? before.plugins : [{ type: 'ptp' }]),
    { type: 'podlane', mode: 'convert', capabilities: { 'io.kubernetes.cri.pod-annotations': true } },
  ]);
  const names = readdirSync(net).filter((each) => /\.(conf|conflist|json)$/.test(each));
  expect(names).toEqual(['10-other.conflist']);
  expect((await run('cni uninstall', '--force')).code).toBe(0);
  expect(readdirSync(net)).toEqual([name]);
  expect(readFileSync(join(net, name), 'utf8')).toBe(text);
  expect(statSync(join(net, name)).mode & 0o777).toBe(0o640);
  expect(existsSync(bin)).toBe(false);
});

test('a file that is in the way is not taken over unasked; taken over, it is given back', async () => {
  const { bin, net, run, install, pool } = createNode();
  mkdirSync(bin);
  writeFileSync(join(bin, 'podlane'), 'another program', { mode: 0o700 });
  expect(await install(...pool)).toMatchObject({
    code: 1,
    problem: { code: 'cni_conflict', detail: expect.stringContaining(`${join(bin, 'podlane')} is there already`) },
  });
  expect(existsSync(net)).toBe(false);
  expect((await install(...pool, '--replace')).code).toBe(0);
  expect(readFileSync(join(bin, 'podlane'), 'utf8')).toBe('the plugin');
  expect((await run('cni uninstall', '--force')).code).toBe(0);
  expect(readdirSync(bin)).toEqual(['podlane']);
  expect(readFileSync(join(bin, 'podlane'), 'utf8')).toBe('another program');
  expect(statSync(join(bin, 'podlane')).mode & 0o777).toBe(0o700);
});

test('a file that others changed is neither overwritten nor removed', async () => {
  const { net, run, install, pool } = createNode();
  await install(...pool);
  const file = join(net, '99-podlane.conflist');
  writeFileSync(file, '{"name":"mine"}');
  expect(await install(...pool)).toMatchObject({
    code: 1,
    problem: { code: 'cni_conflict', detail: expect.stringContaining('was changed since') },
  });
  const { value } = await run('cni uninstall', '--force');
  expect(value.changes).toContainEqual({ path: file, change: 'left as it is', kept: null });
  expect(readFileSync(file, 'utf8')).toBe('{"name":"mine"}');
  expect(readdirSync(net)).toEqual(['99-podlane.conflist']);
});

test('an installation that was cut off is completed, or taken back', async () => {
  const { bin, net, run, install } = createNode();
  mkdirSync(net);
  const before = { cniVersion: '1.0.0', name: 'other', plugins: [{ type: 'ptp' }] };
  writeFileSync(join(net, '10-other.conflist'), JSON.stringify(before));
  await install('--chain', 'other');
  // As if it had ended before the configuration was written.
  writeFileSync(join(net, '10-other.conflist'), JSON.stringify(before));
  expect((await install('--chain', 'other')).code).toBe(0);
  expect(read(net, '10-other.conflist').plugins).toHaveLength(2);
  writeFileSync(join(net, '10-other.conflist'), JSON.stringify(before));
  rmSync(join(bin, 'podlane'));
  expect((await run('cni uninstall', '--force')).code).toBe(0);
  expect(readdirSync(net)).toEqual(['10-other.conflist']);
  expect(read(net, '10-other.conflist')).toEqual(before);
});

test.each([
  [[], 'where the addresses of containers come from'],
  [['--pool', '198.18.7.0'], 'is no prefix'],
  [['--pool', 'x/24'], 'not an IP address'],
  [['--pool', '198.18.7.0/31'], 'fewer than four addresses'],
  [['--pool', '127.0.0.0/24'], 'the node has a route to'],
  [['--pool', '198.18.7.0/24', '--ipam', '{"type":"x"}'], '--ipam excludes --pool'],
  [['--ipam', '{'], '--ipam:'],
  [['--ipam', '{}'], 'has no type'],
  [['--pool', '198.18.7.0/24', '--device', 'tap'], '--device tap'],
  [['--pool', '198.18.7.0/24', '--mtu', '10'], '--mtu 10'],
  [['--pool', '198.18.7.0/24', '--network', 'a/b'], '--network a/b'],
  [['--pool', '198.18.7.0/24', '--mode', 'observe'], '--mode is for'],
  [['--pool', '198.18.7.0/24', '--cni-version', '2.0.0'], '--cni-version 2.0.0'],
  [['--pool', '198.18.7.0/24', '--cni-socket', 'x.sock'], '--cni-socket x.sock'],
  [['--pool', '198.18.7.0/24', '--bin-dir', 'bin'], '--bin-dir bin'],
  [['--chain', 'other', '--mode', 'attach'], '--mode attach'],
  [['--chain', 'other', '--pool', '198.18.7.0/24'], '--pool is for'],
  [['--chain', 'other'], 'has no network other'],
  [['--pool', '198.18.7.0/24', '--plugin', '/nonexistent'], 'there is no CNI plugin at /nonexistent'],
])('install %j is refused and changes nothing', async (words, detail) => {
  const { folder, install } = createNode();
  const { code, problem } = await install(...words);
  expect(code).toBe(1);
  expect(problem.detail).toContain(detail);
  expect(readdirSync(folder)).toEqual(['plugin']);
});

test('a name that another network has is refused', async () => {
  const { net, install, pool } = createNode();
  mkdirSync(net);
  writeFileSync(join(net, '10-podlane.conflist'), '{"cniVersion":"1.0.0","name":"podlane","plugins":[{"type":"ptp"}]}');
  expect((await install(...pool)).problem).toMatchObject({ code: 'cni_conflict' });
  expect((await install(...pool, '--network', 'other')).code).toBe(0);
});

test('uninstall asks the agent whether containers are attached', async () => {
  const { net, run, install, pool } = createNode();
  await install(...pool);
  expect(await run('cni uninstall')).toMatchObject({ code: 3, problem: { code: 'agent_unreachable' } });
  const busy = await fakeAgent({ 'GET /cni': { body: { ...status, containers: 2 } } });
  expect(await run('cni uninstall', '--socket', busy.socket)).toMatchObject({
    code: 1,
    problem: { code: 'cni_in_use', detail: '2 containers are attached' },
  });
  expect(existsSync(join(net, '99-podlane.conflist'))).toBe(true);
  const idle = await fakeAgent({ 'GET /cni': { body: status } });
  expect((await run('cni uninstall', '--socket', idle.socket)).code).toBe(0);
  expect(existsSync(net)).toBe(false);
});

test('status tells what is installed, which network runtimes use, and what the agent has', async () => {
  const { bin, net, run, install, pool } = createNode();
  const { socket } = await fakeAgent({ 'GET /cni': { body: status } });
  mkdirSync(net);
  writeFileSync(join(net, '10-other.conf'), '{"name":"other","type":"ptp"}');
  writeFileSync(join(net, '20-broken.conflist'), '{');
  await install(...pool);
  const { value } = await run('cni status', '--socket', socket);
  expect(value).toMatchObject({
    folder: net,
    plugin: { path: join(bin, 'podlane'), state: 'of another version' },
    files: [{ state: 'as installed' }, { state: 'as installed' }],
    networks: [
      { network: 'other', plugins: ['ptp'], fault: null },
      { network: null, plugins: [], fault: expect.stringContaining('JSON') },
      { network: 'podlane', version: '1.0.0', plugins: ['podlane'] },
    ],
    agent: status,
  });
  const folders = ['--bin-dir', bin, '--conf-dir', net];
  const { stdout } = await podlane('cni', 'status', ...folders, '--socket', socket);
  expect(stdout).toMatch(/^first +other +- +ptp /m);
  expect(stdout).toContain('10.244.0.0/24 (3 of 254)');
  expect((await run('cni status')).value.agent).toBeNull();
});

test('doctor says what it found and what it would do, with an agent and without', async () => {
  const { bin, net, run, install, pool } = createNode();
  mkdirSync(net);
  writeFileSync(
    join(net, '10-calico.conflist'),
    '{"cniVersion":"0.3.1","name":"k8s-pod-network","plugins":[{"type":"calico"},{"type":"portmap"}]}',
  );
  const { value, code } = await run('doctor');
  expect(code).toBe(0);
  expect(value).toMatchObject({
    agent: null,
    cni: { networks: [{ network: 'k8s-pod-network', plugins: ['calico', 'portmap'] }] },
    networkAgents: [expect.objectContaining({ name: 'Calico' })],
  });
  expect(value.conclusions.join('\n')).toContain('No agent answers');
  expect(value.conclusions.join('\n')).toContain('would write');
  await install(...pool, '--first');
  const { socket } = await fakeAgent({
    'GET /cni': { body: status },
    'GET /node': {
      body: { versions: { podlane: '1.2.3' }, capabilities: [{ name: 'netkit', available: false }] },
    },
  });
  const folders = ['--bin-dir', bin, '--conf-dir', net];
  const { stdout } = await podlane('doctor', ...folders, '--socket', socket);
  expect(stdout).toContain('Podlane 1.2.3, without netkit');
  expect(stdout).toContain('Podlane attaches the containers of network podlane');
  expect(stdout).toContain('which runtimes use by default');
});

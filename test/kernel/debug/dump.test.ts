import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { DebugDump } from '../../../contract/debug-dump.ts';
import type { Pod } from '../../../contract/pod.ts';
import { ProblemError } from '../../../contract/problem.ts';
import { corruptFiles, createDump, dumpsFolder, type UnpackedDump, unpackDump } from '../../testbed/dump.ts';
import { startTestNode, type TestNode } from '../../testbed/node.ts';
import { plain, printed, shape } from './stable-output.ts';

const token = 'podlane-test-token-5f1c9a7e';
const secret = 'podlane-test-secret-77aa01';
const tokenFile = `/tmp/podlane-t-token-${process.pid}`;

const main = join(import.meta.dirname, '../../../cli/podlane.js');
const soon = { timeout: 80_000, interval: 5 };
// A dump asks some hundred programs of iproute2 and bpftool, on a machine that may be busy.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

let node: TestNode;
let cart: Pod;
let dump: DebugDump;
let taken: UnpackedDump;

beforeAll(async () => {
  writeFileSync(tokenFile, `${token}\n`);
  process.env.PODLANE_TEST_SECRET = secret;
  try {
    node = await startTestNode(['--listen', '127.0.0.1:0', '--token-file', tokenFile, '--log-level', 'info']);
  } finally {
    delete process.env.PODLANE_TEST_SECRET;
  }
  cart = await node.addPod('cart', ['10.42.0.33/32', 'fd00:42::33/128'], 'veth');
  const web = await node.addPod('web', '10.42.0.34/32', 'veth');
  node.run(['tc', 'qdisc', 'replace', 'dev', web.primary.name, 'clsact']);
  node.run(['ip', 'rule', 'add', 'from', '10.99.0.0/16', 'table', '99']);
  node.run(['ip', 'route', 'add', 'blackhole', '10.98.0.0/16', 'table', '99']);
  await node.ask('PUT', '/rules', {
    name: 'shop',
    rules: [
      {
        name: 'no-telnet',
        direction: 'ingress',
        subject: { all: true },
        action: 'deny',
        protocol: 'tcp',
        ports: [{ from: 23 }],
      },
    ],
  });
  await node.migrate('shop.cart', 'veth', true);
  const made = await createDump(node);
  dump = made.dump;
  taken = unpackDump(made.archive);
});
afterAll(async () => {
  taken?.[Symbol.dispose]();
  await node?.[Symbol.asyncDispose]();
  rmSync(tokenFile, { force: true });
});

test('the archive unpacks into one folder whose files match the manifest’s checksums', () => {
  expect(dump).toMatchObject({ state: 'done', actor: 'local', reason: null });
  expect(corruptFiles(taken)).toEqual([]);
  expect(taken.manifest).toMatchObject({ name: dump.name, agent: true });
  expect(dump.files).toBe(taken.paths.length - 2);
  expect(dump.parts.map(({ state }) => state)).toEqual(dump.parts.map(() => 'done'));
  // Both places report missing files.
  const missing = taken.manifest.files.filter(({ problem }) => problem !== null);
  expect(dump.parts.flatMap(({ problems }) => problems)).toHaveLength(missing.length);
  expect(missing.filter(unexpected)).toEqual([]);
});

test('files of iproute2 equal the current output of its commands, for the host and a pod', () => {
  const compared = taken.manifest.files.filter(
    ({ path, pod }) => /\/(ip|tc)\//.test(path) && (pod === null || pod === 'shop.cart'),
  );
  expect(compared.length).toBeGreaterThanOrEqual(20);
  for (const { path, command, pod } of compared) {
    const words = command.slice(command.search(/\b(ip|tc) -j/)).split(' ');
    const now = node.run(words, pod === null ? node.host : cart.netns.path);
    expect(plain(printed(taken.read(path).toString())), path).toEqual(plain(printed(now)));
  }
  const rules = JSON.stringify(taken.json('host/ip/rules-ipv4.json'));
  expect(rules).toContain('10.99.0.0');
  expect(taken.paths.filter((path) => path.includes('tc/filters-'))).toHaveLength(2);
});

test('our own reading tells the same links, addresses, routes and neighbors as iproute2', () => {
  for (const place of ['host', 'pods/shop.cart']) {
    const ip = (file: string) => taken.json(`${place}/ip/${file}.json`);
    const ours = (file: string) => taken.json(`${place}/ours/${file}.json`);
    const links = ip('links');
    const nameOf = Object.fromEntries(ours('links').map((link: Any) => [link.ifindex, link.name]));
    expect(ours('links').map(ourLink)).toEqual(links.map(ipLink));
    expect(
      sorted(ours('addresses').map((each: Any) => `${each.address} on ${nameOf[each.ifindex]}`)),
    ).toEqual(
      sorted(
        ip('addresses').flatMap((link: Any) =>
          link.addr_info.map((each: Any) => `${each.local}/${each.prefixlen} on ${link.ifname}`),
        ),
      ),
    );
    const routes = [...ip('routes-ipv4'), ...ip('routes-ipv6')];
    expect(
      ours('routes')
        .map(({ destination }: Any) => destination.replace(/\/(32|128)$/, ''))
        .sort(),
    ).toEqual(routes.map(({ dst }: Any) => dst).sort());
    expect(
      sorted(
        ours('neighbors').map((each: Any) => `${each.address} ${each.mac ?? ''} ${nameOf[each.ifindex]}`),
      ),
    ).toEqual(sorted(ip('neighbors').map((each: Any) => `${each.dst} ${mac(each.lladdr)} ${each.dev}`)));
  }
});

test('programs, maps and links equal the current output of bpftool and our own reading', () => {
  for (const [file, what] of [
    ['programs', 'prog'],
    ['maps', 'map'],
    ['links', 'link'],
  ] as const) {
    const then = taken.json(`bpf/bpftool/${file}.json`) as Any[];
    const ofOurs = new Set(
      (taken.json(`bpf/ours/${file}.json`).items as Any[])
        .filter(({ owner }) => owner.kind === 'podlane')
        .map(({ id }) => id),
    );
    expect(ofOurs.size, file).toBeGreaterThan(0);
    const mine = (all: Any[]) => plain(all.filter(({ id }) => ofOurs.has(id)));
    const now = JSON.parse(execFileSync('bpftool', ['-j', what, 'show'], { encoding: 'utf8' }));
    expect(mine(then), file).toEqual(mine(now));
    for (const ours of taken.json(`bpf/ours/${file}.json`).items as Any[]) {
      const theirs = then.find(({ id }) => id === ours.id);
      if (!ofOurs.has(ours.id)) continue;
      expect(theirs, `${file} ${ours.id}`).toMatchObject(
        file === 'programs'
          ? { type: ours.type, tag: ours.tag, bytes_xlated: ours.xlatedBytes, map_ids: ours.mapIds }
          : file === 'maps'
            ? {
                type: ours.type,
                bytes_key: ours.keyBytes,
                bytes_value: ours.valueBytes,
                max_entries: ours.maxEntries,
              }
            : { prog_id: ours.programId },
      );
    }
  }
  expect(taken.paths.some((path) => /^bpf\/bpftool\/instructions-\d+\.txt$/.test(path))).toBe(true);
  expect(taken.paths.some((path) => /^bpf\/ours\/map-\d+\.json$/.test(path))).toBe(true);
});

test('files of /proc and sysctls have the current lines', () => {
  const compared = taken.manifest.files.filter(
    ({ path, pod }) => /^(statistics|host\/proc|pods\/shop.cart\/proc)\//.test(path) && pod !== 'shop.web',
  );
  expect(compared.length).toBeGreaterThanOrEqual(15);
  for (const { path, command, pod } of compared) {
    const words = command.slice(command.indexOf('cat ')).split(' ');
    const now = node.run(words, pod === null ? node.host : cart.netns.path);
    expect(shape(taken.read(path).toString()), path).toEqual(shape(now));
  }
  for (const [path, netns] of [
    ['host/sysctls.txt', node.host],
    ['pods/shop.cart/sysctls.txt', cart.netns.path],
  ] as const) {
    const lines = taken.read(path).toString().trimEnd().split('\n');
    const names = lines.filter((line) => line.includes(' = ')).map((line) => line.split(' = ')[0]!);
    expect(names).toContain('net.ipv4.ip_forward');
    expect(names.join()).not.toMatch(/stable_secret|fastopen_key/);
    expect(
      node
        .run(['sysctl', ...names], netns)
        .trimEnd()
        .split('\n'),
    ).toEqual(lines);
  }
});

test('the agent’s part has journals, events, metrics, drops and log, and no secret', () => {
  const [migration] = taken.json('agent/migrations.json').items;
  expect(migration).toMatchObject({ podName: 'cart', state: 'done' });
  expect(migration.steps.at(-1)).toMatchObject({ step: 'verified', state: 'done' });
  expect(taken.read('agent/metrics.txt').toString()).toContain('podlane_pod_packets_total');
  expect(JSON.stringify(taken.json('agent/events.json'))).toContain('migration.done');
  expect(taken.json('pods/shop.cart/agent/drops.json')).toHaveProperty('kernel.available');
  expect(taken.json('agent/rules.json')).toMatchObject({ rules: { name: 'shop' }, sizes: { rules: 1 } });
  expect(taken.read('agent/rules.yaml').toString()).toContain('no-telnet');
  expect(taken.read('agent/log.jsonl').toString()).toContain('agent.started');
  expect(taken.json('agent/configuration.json')).toMatchObject({
    pins: node.pins,
    listen: { host: '127.0.0.1' },
  });
  for (const path of taken.paths) {
    const text = taken.read(path).toString('latin1');
    expect(text.includes(token) || text.includes(secret), path).toBe(false);
  }
});

test('an archive stays within its limit and reports omitted files', async () => {
  const maxBytes = 1 << 20;
  const { dump: small, archive } = await createDump(node, {
    maxBytes,
    pods: ['shop.cart'],
    parts: ['kernel', 'pods', 'maps'],
  });
  using unpacked = unpackDump(archive);
  expect(corruptFiles(unpacked)).toEqual([]);
  const bytes = unpacked.paths.reduce((sum, path) => sum + unpacked.read(path).length, 0);
  expect(bytes).toBeLessThanOrEqual(maxBytes);
  const why = small.parts.flatMap(({ problems }) => problems.map(({ problem }) => problem));
  expect(why.join()).toMatch(/omitted/);
  expect(small.parts.map(({ name }) => name)).toEqual(['kernel', 'pods', 'maps']);
  expect(unpacked.paths.some((path) => path.startsWith('pods/shop.web/'))).toBe(false);
});

test('one dump runs at a time; canceling it leaves no file, nor does a killed agent', async () => {
  const before = readdirSync(dumpsFolder(node)).sort();
  const running = await node.ask<DebugDump>('POST', '/dumps', {});
  await expect(node.ask('POST', '/dumps', {})).rejects.toMatchObject({ code: 'dump_running' });
  await expect(node.ask('GET', `/dumps/${running.id}/archive`)).rejects.toMatchObject({
    code: 'dump_not_done',
  });
  await node.ask('DELETE', `/dumps/${running.id}`);
  await expect(node.ask('GET', `/dumps/${running.id}`)).rejects.toMatchObject({ code: 'dump_not_found' });
  expect(readdirSync(dumpsFolder(node)).sort()).toEqual(before);

  await node.ask<DebugDump>('POST', '/dumps', {});
  await node.killAgent();
  await node.startAgent();
  expect(readdirSync(dumpsFolder(node)).sort()).toEqual(before);
  const { items } = await node.ask<{ items: DebugDump[] }>('GET', '/dumps');
  expect(items.map(({ id }) => id)).toContain(dump.id);
  await node.ask('DELETE', `/dumps/${dump.id}`);
  expect(readdirSync(dumpsFolder(node)).join()).not.toContain(dump.id);
  await expect(node.ask('DELETE', `/dumps/${dump.id}`)).rejects.toBeInstanceOf(ProblemError);
});

test('`podlane debug` downloads the agent’s archive, leaves none when interrupted, and collects one itself without an agent', async () => {
  const folder = join(node.database, '..');
  const socket = join(folder, 'agent.sock');
  const podlane = (...words: string[]) => node.run([process.execPath, main, ...words]);
  const file = join(folder, 'by-agent.tar.gz');
  const told = JSON.parse(podlane('debug', '--socket', socket, '--output', file, '--json'));
  expect(told).toMatchObject({ file, agent: true });
  expect(told.problems.filter(unexpected)).toEqual([]);
  using brought = unpackDump(file);
  expect(corruptFiles(brought)).toEqual([]);
  expect(brought.manifest.agent).toBe(true);
  expect(podlane('pods', '--socket', socket)).toMatch(/^shop\.cart +veth +tcx/m);
  expect(podlane('pod', 'shop.cart', '--socket', socket)).toContain('10.42.0.33');

  const words = [`--net=${node.host}`, process.execPath, main, 'debug', '--socket', socket];
  const child = spawn('nsenter', [...words, '--output', join(folder, 'never.tar.gz')], { stdio: 'ignore' });
  const ended = once(child, 'close');
  const listed = async () => (await node.ask<{ items: DebugDump[] }>('GET', '/dumps')).items;
  await vi.waitFor(async () => expect((await listed()).map(({ state }) => state)).toContain('running'), soon);
  child.kill('SIGINT');
  expect(await ended).toEqual([130, null]);
  expect((await listed()).map(({ state }) => state)).not.toContain('running');
  expect(readdirSync(folder).filter((name) => name.includes('never'))).toEqual([]);

  const alone = join(folder, 'alone.tar.gz');
  const without = JSON.parse(
    podlane(
      'debug',
      '--socket',
      '/nowhere',
      '--output',
      alone,
      '--parts',
      'network,maps,agent',
      '--pins',
      node.pins,
      '--json',
    ),
  );
  expect(without).toMatchObject({ agent: false });
  using own = unpackDump(alone);
  expect(corruptFiles(own)).toEqual([]);
  expect(own.json('host/ip/links.json').map(({ ifname }: Any) => ifname)).toContain('pl1');
  expect(own.paths.some((path) => /^bpf\/bpftool\/map-\d+\.json$/.test(path))).toBe(true);
  expect(without.problems.map(({ path }: Any) => path)).toContain('agent/');
});

// biome-ignore lint/suspicious/noExplicitAny: whatever iproute2 and bpftool print
type Any = any;

/** Programs of others may go while theirs are listed. */
const unexpected = ({ path }: { path: string }): boolean => !/instructions-\d+\./.test(path);

const sorted = (texts: string[]): string[] => texts.sort();
const mac = (text: string | undefined): string =>
  text === undefined || text === '00:00:00:00:00:00' ? '' : text;

const ourLink = (link: Any) => ({
  ifindex: link.ifindex,
  name: link.name,
  kind: link.kind ?? '',
  mtu: link.mtu,
  mac: link.mac ?? '',
  up: link.up,
  qdisc: link.queueingDiscipline,
});
const ipLink = (link: Any) => ({
  ifindex: link.ifindex,
  name: link.ifname,
  kind: link.linkinfo?.info_kind ?? '',
  mtu: link.mtu,
  mac: mac(link.address),
  up: link.flags.includes('UP'),
  qdisc: link.qdisc,
});

import { execFileSync } from 'node:child_process';
import { closeSync, cpSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { DatapathSettingsMap } from '../../../server/acl/load/datapath-settings-map.ts';
import { openPinnedObject } from '../../../server/bpf/pin.ts';
import { AgentProcess, TestHost } from './agent-fixture.ts';

const soon = { timeout: 20_000, interval: 50 };
const echoDenied = `# Written by hand.
name: quiet
rules:
  - { name: no echo to web, direction: ingress, subject: { selector: { matchLabels: { app: web } } }, protocol: icmp, action: deny }
`;

/** Isolates web, as users write it: the agent converts it, and keeps what is written. */
const isolated = `# Written for kubectl.
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: isolated, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
`;

/** A host with the pods web, which rules deny echo requests, and cart, whose agent was killed. */
async function hostWithKilledAgent({ rules = true, text = echoDenied } = {}) {
  const host = new TestHost();
  const agent = await new AgentProcess(host).ready();
  const cart = await agent.attach('cart', 33);
  const web = await agent.attach('web', 34, { app: 'web' });
  if (rules) {
    const { status } = await agent.call('PUT', '/rules', text, 'application/yaml');
    expect(status).toBe(200);
    await agent.call('PUT', '/rules/staged', `${text}# staged\n`, 'application/yaml');
  }
  await agent.stop('SIGKILL');
  const isDenied = async () => (await host.ping(cart.path, '10.42.0.34', 3)) === 0;
  return { host, cart, web, isDenied };
}

const withoutDatabase = (host: TestHost) => ['--database', path.join(host.folder, 'empty', 'podlane.db')];

test('an agent whose database does not know the pods and rules of its pins refuses to start and says what to do', async () => {
  const { host, isDenied } = await hostWithKilledAgent();
  const agent = new AgentProcess(host, ...withoutDatabase(host));
  expect(await agent.ended).toBe(1);
  expect(agent.stderr).toMatch(
    /the kernel has 2 pods \(shop\/cart, shop\/web\) and active access rules quiet/,
  );
  expect(agent.stderr).toMatch(/--adopt .*--reset/);
  expect(await isDenied()).toBe(true);
  // The database that knows them is no reason to ask.
  await new AgentProcess(host).ready();
  expect(await isDenied()).toBe(true);
});

test('an agent adopts names, labels, addresses and rules from the kernel, and rules stay in force', async () => {
  const { host, cart, web, isDenied } = await hostWithKilledAgent();
  const agent = await new AgentProcess(host, ...withoutDatabase(host), '--adopt').ready();
  expect(await isDenied()).toBe(true);
  const { body } = await agent.call('GET', '/pods');
  expect(body.items.map(({ id, name, labels, slot }: typeof web) => ({ id, name, labels, slot }))).toEqual([
    { id: web.id, name: 'web', labels: { app: 'web' }, slot: web.slot },
    { id: cart.id, name: 'cart', labels: {}, slot: cart.slot },
  ]);
  expect((await agent.call('GET', '/rules')).body).toMatchObject({
    version: 1,
    text: echoDenied,
    problem: null,
  });
  expect((await agent.call('GET', '/events')).body.items).toContainEqual(
    expect.objectContaining({ type: 'state.adopted', message: expect.stringContaining('shop/web') }),
  );
  // Labels are known, so a further pod is covered as well.
  const other = await agent.attach('web-2', 35, { app: 'web' });
  expect(await host.ping(cart.path, '10.42.0.35', 3)).toBe(0);
  expect(other.slot).not.toBe(web.slot);
  await agent.stop('SIGTERM');
  await new AgentProcess(host, ...withoutDatabase(host)).ready();
});

test('NetworkPolicies, active and staged, are adopted as they were written', async () => {
  const { host, isDenied } = await hostWithKilledAgent({ text: isolated });
  const agent = await new AgentProcess(host, ...withoutDatabase(host), '--adopt').ready();
  expect(await isDenied()).toBe(true);
  expect((await agent.call('GET', '/rules')).body).toMatchObject({ text: isolated, problem: null });
  expect((await agent.call('GET', '/rules/staged')).body.staged).toMatchObject({
    text: `${isolated}# staged\n`,
    evaluating: true,
  });
  expect((await agent.call('GET', '/rules/versions/1')).body.text).toBe(isolated);
  // A further policy is merged into the text, beside its comments.
  const further = isolated.replace('isolated', 'further').replace('app: web', 'app: cart');
  const { body } = await agent.call('PUT', '/rules?merge=true', further, 'application/yaml');
  expect(body.text).toBe(`${isolated}---\n${further}`);
});

test('a database restored from before a pod was attached is not trusted', async () => {
  const host = new TestHost();
  const first = await new AgentProcess(host).ready();
  await first.attach('cart', 33);
  await first.stop('SIGTERM');
  const backup = path.join(host.folder, 'backup.db');
  cpSync(host.database, backup);
  const second = await new AgentProcess(host).ready();
  const web = await second.attach('web', 34);
  await second.stop('SIGTERM');
  const refused = new AgentProcess(host, '--database', backup);
  expect(await refused.ended).toBe(1);
  expect(refused.stderr).toContain('1 pods (shop/web)');
  const third = await new AgentProcess(host, '--database', backup, '--adopt').ready();
  expect((await third.call('GET', '/pods')).body.items).toHaveLength(2);
  expect((await third.call('GET', '/pods/shop.web')).body.id).toBe(web.id);
});

test('pods of a version that kept no records are adopted by alias, addresses and the other end', async () => {
  const { host, web } = await hostWithKilledAgent({ rules: false });
  rmSync(path.join(host.pins, 'records'), { recursive: true });
  const agent = await new AgentProcess(host, ...withoutDatabase(host), '--adopt').ready();
  const { body } = await agent.call('GET', '/pods/shop.web');
  expect(body).toMatchObject({ addresses: web.addresses, slot: web.slot, kind: 'veth' });
  expect(body.netns.path).toBe(web.path);
  expect(body.device.peer).toMatchObject({ name: 'eth0' });
  expect(await host.ping(host.netns, '10.42.0.34', 3)).toBe(3);
});

test.each([
  ['records', true],
  ['maps alone', false],
])('packet checks are adopted from %s', async (_, hasRecords) => {
  const host = new TestHost();
  const first = await new AgentProcess(host).ready();
  await first.attach('web', 34);
  await first.attach('cart', 33);
  const checks = {
    source: 'strict',
    sourcePrefixes: ['10.8.0.0/24', 'fd08::/64'],
    ethertypes: ['lldp', '0x1234'],
  };
  const off = { source: 'off', sourcePrefixes: [], ethertypes: [] };
  expect((await first.call('PUT', '/pods/shop.web/checks', checks)).status).toBe(200);
  expect((await first.call('PUT', '/pods/shop.cart/checks', off)).status).toBe(200);
  await first.stop('SIGKILL');
  if (!hasRecords) rmSync(path.join(host.pins, 'records'), { recursive: true });
  const agent = await new AgentProcess(host, ...withoutDatabase(host), '--adopt').ready();
  const adopted = async (pod: string) => {
    const found = (await agent.call('GET', `/pods/${pod}/checks`)).body.checks;
    return {
      ...found,
      sourcePrefixes: found.sourcePrefixes.toSorted(),
      ethertypes: found.ethertypes.toSorted().toReversed(),
    };
  };
  expect(await adopted('shop.web')).toEqual(checks);
  expect(await adopted('shop.cart')).toEqual(off);
});

test('settings of the node and of pods are adopted, and the answer says what is not in the kernel', async () => {
  const host = new TestHost();
  const first = await new AgentProcess(host).ready();
  await first.attach('web', 34);
  await first.attach('cart', 33);
  const settings = { '/node/settings': { redirect: false }, '/pods/shop.web/settings': { redirect: true } };
  for (const [target, wanted] of Object.entries(settings))
    expect((await first.call('PUT', target, wanted)).status).toBe(200);
  const guard = (await first.call('PUT', '/pods/shop.cart/guard', { dropShare: 0.5 })).body;
  await first.stop('SIGKILL');
  const agent = await new AgentProcess(host, ...withoutDatabase(host), '--adopt').ready();
  for (const [target, wanted] of Object.entries(settings))
    expect((await agent.call('GET', target)).body).toMatchObject(wanted);
  expect((await agent.call('GET', '/pods/shop.cart/settings')).body.redirect).toBe(null);
  expect((await agent.call('GET', '/pods/shop.cart/guard')).body.thresholds).toEqual(guard.thresholds);
  const { items } = (await agent.call('GET', '/events')).body;
  const { message } = items.find(({ type }: { type: string }) => type === 'state.adopted');
  expect(message).toMatch(/redirect of the node, .*redirect of shop\/web/);
  expect(message).toMatch(/migrations and batches, and files of builds are not in the kernel/);
  // A pod that is removed takes its settings along; the next one begins without.
  await agent.call('DELETE', '/pods/shop.web');
  await agent.stop('SIGKILL');
  rmSync(path.join(host.folder, 'empty'), { recursive: true });
  const third = await new AgentProcess(host, ...withoutDatabase(host), '--adopt').ready();
  expect((await third.call('GET', '/pods')).body.items).toHaveLength(1);
  expect((await third.call('GET', '/node/settings')).body.redirect).toBe(false);
});

test('without records, a pod that is not redirected stays so, and the answer says what has its default', async () => {
  const host = new TestHost();
  const first = await new AgentProcess(host).ready();
  await first.attach('web', 34);
  await first.attach('cart', 33);
  expect((await first.call('PUT', '/pods/shop.web/settings', { redirect: false })).status).toBe(200);
  await first.stop('SIGKILL');
  rmSync(path.join(host.pins, 'records'), { recursive: true });
  const agent = await new AgentProcess(host, ...withoutDatabase(host), '--adopt').ready();
  expect((await agent.call('GET', '/pods/shop.web/settings')).body.redirect).toBe(false);
  expect((await agent.call('GET', '/pods/shop.cart/settings')).body.redirect).toBe(null);
  expect(agent.stderr).toMatch(/Settings of the node and of pods without records have their defaults/);
});

test('rules whose text is not in the kernel are not adopted, and stay in force', async () => {
  const { host, isDenied } = await hostWithKilledAgent();
  rmSync(path.join(host.pins, 'records'), { recursive: true });
  const agent = new AgentProcess(host, ...withoutDatabase(host), '--adopt');
  expect(await agent.ended).toBe(1);
  expect(agent.stderr).toMatch(/adopt the active access rules/);
  expect(await isDenied()).toBe(true);
});

test('a reset takes devices, pins and rules away, also those that the database knows', async () => {
  const { host, cart, web } = await hostWithKilledAgent();
  const agent = await new AgentProcess(host, '--reset').ready();
  for (const pod of [cart, web]) expect(host.hasDevice(pod.primary.name)).toBe(false);
  expect((await agent.call('GET', '/pods')).body.items).toEqual([]);
  expect((await agent.call('GET', '/rules')).body.text ?? null).toBeNull();
  expect((await agent.call('DELETE', `/pods/${web.id}`)).status).toBe(404);
  const { status } = await agent.call('POST', '/pods', {
    namespace: 'shop',
    name: 'web',
    netns: web.path,
    addresses: web.addresses,
    kind: 'veth',
  });
  expect(status).toBe(201);
  expect(await host.ping(host.netns, '10.42.0.34', 3)).toBe(3);
});

test('one agent owns its pins, under whatever path their file system is mounted', async () => {
  const host = new TestHost();
  const first = await new AgentProcess(host).ready();
  await first.attach('cart', 33);
  const mounted = path.join(host.folder, 'bpf');
  mkdirSync(mounted);
  execFileSync('mount', ['--bind', '/sys/fs/bpf', mounted]);
  onTestFinished(() => void execFileSync('umount', [mounted]));
  const own = ['--socket', `${host.folder}/second.sock`, ...withoutDatabase(host)];
  for (const pins of [host.pins, path.join(mounted, host.name)]) {
    const second = new AgentProcess(host, ...own, '--pins', pins);
    expect(await second.ended).toBe(1);
    expect(second.stderr).toMatch(/lock the pins at .*another agent owns it/);
  }
  expect((await first.call('GET', '/health')).status).toBe(200);
});

test('rules that another process turns off or replaces in the kernel are loaded again, and an event says so', async () => {
  const host = new TestHost();
  const agent = await new AgentProcess(host).ready();
  const cart = await agent.attach('cart', 33);
  await agent.attach('web', 34, { app: 'web' });
  await agent.call('PUT', '/rules', echoDenied, 'application/yaml');
  const settings = openSettings(host);
  const restored = async () =>
    (await agent.call('GET', '/events')).body.items.filter(
      ({ type }: { type: string }) => type === 'rules.restored',
    ).length;

  settings.setFlag('active', false);
  await vi.waitFor(async () => expect(await restored()).toBe(1), soon);
  expect(await host.ping(cart.path, '10.42.0.34', 3)).toBe(0);
  // The other table has no rules for the pods: everything would pass.
  settings.setGeneration('active', settings.generation('active') + 1);
  await vi.waitFor(async () => expect(await restored()).toBe(2), soon);
  expect(await host.ping(cart.path, '10.42.0.34', 3)).toBe(0);

  await agent.call('DELETE', '/rules');
  settings.setFlag('active', true);
  await vi.waitFor(() => expect(settings.hasFlag('active')).toBe(false), soon);
  expect(await host.ping(cart.path, '10.42.0.34', 3)).toBe(3);
});

test('a device, name or index that exists is neither reused nor deleted by an attach', async () => {
  const host = new TestHost();
  const agent = await new AgentProcess(host).ready();
  const cart = await agent.attach('cart', 33);
  // What another agent or an administrator made: the index of the next slot, and the name of the one after it.
  const index = String(cart.primary.ifindex + 2);
  const add = ['link', 'add', 'other', 'index', index, 'type', 'veth', 'peer', 'name', 'other-2'];
  host.in(host.netns, 'ip', ...add);
  host.in(host.netns, 'ip', 'link', 'add', `pl${cart.slot + 2}`, 'type', 'veth', 'peer', 'name', 'taken-2');
  const web = await agent.attach('web', 34);
  expect(web.slot).toBe(cart.slot + 2);
  expect(web.primary.name).not.toBe(`pl${web.slot}`);
  expect(host.hasDevice('other')).toBe(true);
  expect(host.hasDevice(`pl${cart.slot + 2}`)).toBe(true);
  expect(await host.ping(cart.path, '10.42.0.34', 3)).toBe(3);
  await agent.stop('SIGTERM');
  const second = await new AgentProcess(host).ready();
  await vi.waitFor(async () => {
    const { conditions } = (await second.call('GET', '/node')).body;
    expect(conditions).toEqual([
      expect.objectContaining({
        reason: 'slot_taken',
        message: expect.stringContaining(`other (ifindex ${index})`),
      }),
    ]);
  }, soon);
  expect(second.stderr).toContain(`other (ifindex ${index})`);
  expect((await second.call('GET', '/pods/shop.cart')).body.conditions).toEqual([]);
});

/** Maps the settings of the datapath until the test has finished, as another process may. */
function openSettings(host: TestHost): DatapathSettingsMap {
  const pin = path.join(host.pins, 'maps', 'settings');
  expect(existsSync(pin)).toBe(true);
  const fd = openPinnedObject(pin)!;
  const settings = new DatapathSettingsMap(fd);
  closeSync(fd);
  onTestFinished(() => settings.close());
  return settings;
}

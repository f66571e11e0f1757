import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { cniVersions } from '../../../contract/cni-version.ts';
import type { Pod } from '../../../contract/pod.ts';
import {
  cniSocketOf,
  expectNoContainers,
  type PluginCall,
  podsOf,
  poolNetwork,
  runPlugin,
} from '../../testbed/cni-plugin.ts';
import { startTestNode, type TestNode } from '../../testbed/node.ts';

let node: TestNode;
const call = (command: string, options: PluginCall) => runPlugin(cniSocketOf(node), command, options);

beforeAll(async () => {
  node = await startTestNode();
});
afterAll(async () => {
  await node[Symbol.asyncDispose]();
});

let serial = 0;
/** A namespace that goes with the test. */
function addNamespace(): { name: string; netns: string } {
  const name = `c${serial++}`;
  const netns = node.addNamespace(name);
  onTestFinished(() => node.removeNamespace(name));
  return { name, netns };
}

const podOf = (id: string): Promise<Pod> => node.ask('GET', `/pods/net.${id}`);

test('a container gets an address of the pool, reaches the node, and leaves nothing', async () => {
  const { netns } = addNamespace();
  const container: PluginCall = { id: 'web-1', netns, config: poolNetwork() };
  const { code, output } = await call('ADD', container);
  expect(code, JSON.stringify(output)).toBe(0);
  expect(output).toMatchObject({
    cniVersion: '1.1.0',
    interfaces: [
      { name: expect.stringMatching(/^pl\d+$/), mtu: 1500 },
      { name: 'eth0', sandbox: netns, mtu: 1500 },
    ],
    ips: [
      { address: expect.stringMatching(/^10\.44\.0\.\d+\/32$/), gateway: '169.254.1.1', interface: 1 },
      { address: expect.stringMatching(/^fd44::[\da-f]+\/128$/), gateway: 'fe80::1', interface: 1 },
    ],
    routes: [
      { dst: '0.0.0.0/0', gw: '169.254.1.1' },
      { dst: '::/0', gw: 'fe80::1' },
    ],
  });
  const [four, six] = output.ips.map(({ address }: { address: string }) => address.split('/')[0]);
  node.run(['ip', 'address', 'replace', '192.0.2.1/32', 'dev', 'lo']);
  node.run(['ip', 'address', 'replace', '2001:db8::1/128', 'dev', 'lo']);
  node.run(['ping', '-c1', '-W5', four]);
  node.run(['ping', '-c1', '-W5', six]);
  expect(await podOf('web-1')).toMatchObject({
    namespace: 'net',
    name: 'web-1',
    state: 'running',
    container: { id: 'web-1', network: 'net', interface: 'eth0', mode: 'attach', ipam: null },
  });
  expect((await call('CHECK', { ...container, config: poolNetwork({ prevResult: output }) })).code).toBe(0);
  expect(await call('DEL', { ...container, config: poolNetwork({ prevResult: output }) })).toMatchObject({
    code: 0,
    output: null,
  });
  await expectNoContainers(node);
});

describe('every version of the specification', () => {
  test.each(cniVersions)('%s: its results are in its form', async (version) => {
    const { netns } = addNamespace();
    const config = poolNetwork({ cniVersion: version });
    const container: PluginCall = { id: `v-${version}`, netns, config };
    const { code, output } = await call('ADD', container);
    expect(code, JSON.stringify(output)).toBe(0);
    expect(output.cniVersion).toBe(version);
    if (version === '0.1.0' || version === '0.2.0')
      expect(output).toMatchObject({
        ip4: {
          ip: expect.stringMatching(/^10\.44\.0\.\d+\/32$/),
          gateway: '169.254.1.1',
          routes: [{ dst: '0.0.0.0/0', gw: '169.254.1.1' }],
        },
        ip6: { ip: expect.stringMatching(/^fd44::/), gateway: 'fe80::1' },
      });
    else if (version.startsWith('0.'))
      expect(output.ips.map((ip: { version: string }) => ip.version)).toEqual(['4', '6']);
    else {
      expect(output.ips.map((ip: { version?: string }) => ip.version)).toEqual([undefined, undefined]);
      expect('mtu' in output.interfaces[0]).toBe(version === '1.1.0');
    }
    const check = await call('CHECK', {
      ...container,
      config: poolNetwork({ cniVersion: version, prevResult: output }),
    });
    expect(check).toMatchObject(
      ['0.1.0', '0.2.0', '0.3.0', '0.3.1'].includes(version)
        ? { code: 1, output: { cniVersion: version, code: 1 } }
        : { code: 0, output: null },
    );
    for (const command of ['STATUS', 'GC'])
      expect(await call(command, { config })).toMatchObject(
        version === '1.1.0' ? { code: 0, output: null } : { code: 1, output: { code: 1 } },
      );
    expect((await call('DEL', container)).code).toBe(0);
    expect((await call('DEL', container)).code).toBe(0);
  });

  test('without a version it is 0.1.0; one of the future is refused', async () => {
    const { netns } = addNamespace();
    const container: PluginCall = { id: 'no-version', netns };
    const { cniVersion: _, ...config } = poolNetwork() as { cniVersion: string };
    expect(await call('ADD', { ...container, config })).toMatchObject({
      code: 0,
      output: { cniVersion: '0.1.0', ip4: {} },
    });
    expect((await call('DEL', { ...container, config })).code).toBe(0);
    expect(
      await call('ADD', { ...container, config: poolNetwork({ cniVersion: '9.0.0' }) }),
    ).toMatchObject({ code: 1, output: { code: 1, msg: 'incompatible CNI versions' } });
    await expectNoContainers(node);
  });
});

test('an ADD that its plugin repeats has one outcome; one of a runtime is refused, as is its namespace', async () => {
  const { netns } = addNamespace();
  const config = poolNetwork();
  const container: PluginCall = { id: 'twice', netns, config };
  const first = await call('ADD', container);
  expect(first.code).toBe(0);
  expect(await call('ADD', container)).toMatchObject({
    code: 1,
    output: { code: 101, msg: expect.stringContaining('is net/twice already') },
  });
  expect(await call('ADD', { ...container, id: 'other' })).toMatchObject({
    code: 1,
    output: { code: 101 },
  });
  expect(await call('DEL', { ...container, id: 'other' })).toMatchObject({ code: 0 });
  expect(await podsOf(node)).toHaveLength(1);
  expect((await call('DEL', container)).code).toBe(0);
  await expectNoContainers(node);
});

test('two ADDs of one container at once: one succeeds', async () => {
  const { netns } = addNamespace();
  const container: PluginCall = { id: 'race', netns, config: poolNetwork() };
  const answers = await Promise.all([call('ADD', container), call('ADD', container)]);
  expect(answers.map(({ code }) => code).sort()).toEqual([0, 1]);
  expect(await podsOf(node)).toHaveLength(1);
  expect((await call('DEL', container)).code).toBe(0);
  await expectNoContainers(node);
});

test('DEL succeeds for what never was, without a namespace, and after it is gone', async () => {
  expect((await call('DEL', { id: 'never', config: poolNetwork() })).code).toBe(0);
  expect((await call('DEL', { id: 'never', netns: '/run/netns/none', config: poolNetwork() })).code).toBe(0);
  const name = `gone${serial++}`;
  const netns = node.addNamespace(name);
  const container: PluginCall = { id: 'gone', netns, config: poolNetwork() };
  expect((await call('ADD', container)).code).toBe(0);
  node.removeNamespace(name);
  expect((await call('DEL', container)).code).toBe(0);
  await expectNoContainers(node);
  const again = addNamespace();
  expect((await call('ADD', { ...container, netns: again.netns })).code).toBe(0);
  // Runtimes may not know the namespace any more.
  expect((await call('DEL', { id: 'gone', netns: '', config: poolNetwork() })).code).toBe(0);
  await expectNoContainers(node);
});

test.each([
  ['CNI_COMMAND', 'NONSENSE', { id: 'x', netns: '/run/netns/x' }, 4],
  ['no CNI_CONTAINERID', 'ADD', {}, 4],
  ['an id that is none', 'ADD', { id: '../x', netns: '/run/netns/x' }, 4],
  ['no CNI_NETNS', 'ADD', { id: 'x' }, 4],
  ['a namespace that does not exist', 'ADD', { id: 'x', netns: '/run/netns/podlane-none' }, 4],
  ['a file that is no namespace', 'ADD', { id: 'x', netns: '/proc/self/stat' }, 4],
  ['an interface name that is none', 'ADD', { id: 'x', netns: '/run/netns/x', interface: 'a/b' }, 4],
  ['CNI_ARGS that are none', 'ADD', { id: 'x', netns: '/run/netns/x', args: 'A=1;B' }, 4],
  ['no JSON', 'ADD', { id: 'x', netns: '/run/netns/x', config: '{' }, 6],
  ['no name', 'ADD', { id: 'x', netns: '/run/netns/x', config: { cniVersion: '1.1.0' } }, 7],
  ['no pool and no ipam', 'ADD', { id: 'x', netns: 'NETNS', config: poolNetwork({ pool: [] }) }, 7],
  ['a mode that is none', 'ADD', { id: 'x', netns: 'NETNS', config: poolNetwork({ mode: 'take' }) }, 2],
  ['a device that is none', 'ADD', { id: 'x', netns: 'NETNS', config: poolNetwork({ device: 'tap' }) }, 2],
  [
    'bandwidth',
    'ADD',
    { id: 'x', netns: 'NETNS', config: poolNetwork({ runtimeConfig: { bandwidth: { ingressRate: 1 } } }) },
    2,
  ],
  ['CHECK without a result', 'CHECK', { id: 'x', netns: 'NETNS' }, 7],
  [
    'CHECK of what is not known',
    'CHECK',
    { id: 'x', netns: 'NETNS', config: poolNetwork({ mode: 'attach', prevResult: { cniVersion: '1.1.0' } }) },
    3,
  ],
] as const)('%s: %s ends with its code', async (_, command, options: PluginCall, code) => {
  const netns = options.netns === 'NETNS' ? addNamespace().netns : options.netns;
  const { config = poolNetwork() } = options;
  expect(await call(command, { ...options, ...(netns && { netns }), config })).toMatchObject({
    code: 1,
    output: { code, msg: expect.any(String) },
  });
  await expectNoContainers(node);
});

test('the namespace of the node itself is refused', async () => {
  expect(await call('ADD', { id: 'host', netns: node.host, config: poolNetwork() })).toMatchObject({
    code: 1,
    output: { code: 4 },
  });
  await expectNoContainers(node);
});

test('CHECK finds what was changed, and allows what other plugins added', async () => {
  const { netns } = addNamespace();
  const container: PluginCall = { id: 'checked', netns };
  const { output: prevResult } = await call('ADD', { ...container, config: poolNetwork() });
  const check = () => call('CHECK', { ...container, config: poolNetwork({ prevResult }) });
  expect((await check()).code).toBe(0);
  node.run(['ip', 'address', 'add', '192.0.2.7/32', 'dev', 'eth0'], netns);
  node.run(['ip', 'link', 'set', 'eth0', 'mtu', '1400'], netns);
  expect((await check()).code).toBe(0);
  node.run(['ip', 'address', 'flush', 'dev', 'eth0', 'to', prevResult.ips[0].address], netns);
  // The agent repairs it at once; a CHECK sees one or the other.
  expect([0, 1]).toContain((await check()).code);
  await expect.poll(async () => (await check()).code).toBe(0);
  expect(
    await call('CHECK', {
      ...container,
      config: poolNetwork({
        prevResult: { ...prevResult, ips: [{ address: '10.99.0.1/32', interface: 1 }] },
      }),
    }),
  ).toMatchObject({ code: 1, output: { code: 112 } });
  expect((await call('DEL', { ...container, config: poolNetwork() })).code).toBe(0);
});

test('STATUS tells of a pool without free addresses; ADD ends with its own code', async () => {
  const config = poolNetwork({ name: 'small', pool: ['10.45.0.0/30'] });
  const added = [addNamespace(), addNamespace(), addNamespace()];
  for (const [index, code] of [0, 0, 1].entries()) {
    const { netns } = added[index]!;
    expect(await call('STATUS', { config })).toMatchObject(code === 0 ? { code: 0 } : { output: { code: 50 } });
    const answer = await call('ADD', { id: `s${index}`, netns, config });
    expect(answer).toMatchObject(code === 0 ? { code } : { code, output: { code: 104 } });
  }
  for (const index of [0, 1]) await call('DEL', { id: `s${index}`, config });
  expect((await call('STATUS', { config })).code).toBe(0);
  await expectNoContainers(node);
});

test('GC removes what is neither valid nor alive, and nothing where no list is given', async () => {
  const config = (more: object = {}) => poolNetwork({ name: 'gc', ...more });
  const alive = addNamespace();
  await call('ADD', { id: 'alive', netns: alive.netns, config: config() });
  // Its namespace is gone for the path, but processes may still be in it.
  const name = `dead${serial++}`;
  const netns = node.addNamespace(name);
  await call('ADD', { id: 'dead', netns, config: config() });
  const names = async () => (await podsOf(node)).map((pod) => pod.name).sort();
  expect((await call('GC', { config: config() })).code).toBe(0);
  expect((await call('GC', { config: config({ 'cni.dev/valid-attachments': [] }) })).code).toBe(0);
  expect(await names()).toEqual(['alive', 'dead']);
  node.removeNamespace(name);
  const valid = [{ containerID: 'alive', ifname: 'eth0' }];
  expect((await call('GC', { config: config({ 'cni.dev/valid-attachments': valid }) })).code).toBe(0);
  expect(await names()).toEqual(['alive']);
  await call('DEL', { id: 'alive', config: config() });
  await expectNoContainers(node);
});

test('the identity of a Kubernetes pod is that of CNI_ARGS; labels and annotations are kept', async () => {
  const { netns } = addNamespace();
  const args =
    'IgnoreUnknown=1;K8S_POD_NAMESPACE=Shop;K8S_POD_NAME=cart-7f9;K8S_POD_INFRA_CONTAINER_ID=abc;K8S_POD_UID=u-1';
  const config = poolNetwork({
    args: { cni: { labels: [{ key: 'app', value: 'cart' }] } },
    runtimeConfig: {
      aliases: ['cart', 'basket'],
      mac: '02:00:00:00:00:11',
      ips: ['10.44.0.77/24'],
      'io.kubernetes.cri.pod-annotations': { 'podlane.io/device': 'veth', note: 'x' },
    },
  });
  const container: PluginCall = { id: 'abc', netns, args, config };
  const { code, output } = await call('ADD', container);
  expect(code, JSON.stringify(output)).toBe(0);
  expect(output).toMatchObject({
    interfaces: [{}, { mac: '02:00:00:00:00:11' }],
    ips: [{ address: '10.44.0.77/32' }],
  });
  expect(node.run(['ip', '-o', 'link', 'show', 'eth0'], netns)).toContain('02:00:00:00:00:11');
  expect(await node.ask('GET', '/pods/shop.cart-7f9')).toMatchObject({
    namespace: 'shop',
    name: 'cart-7f9',
    labels: { app: 'cart' },
    annotations: { 'podlane.io/device': 'veth', note: 'x' },
    addresses: ['10.44.0.77/32'],
    kind: 'veth',
    container: {
      id: 'abc',
      uid: 'u-1',
      aliases: ['cart', 'basket'],
      kindReason: 'the annotation podlane.io/device asks for veth',
    },
  });
  const other = addNamespace();
  expect(await call('ADD', { id: 'def', netns: other.netns, config })).toMatchObject({
    code: 1,
    output: { code: 103 },
  });
  await call('DEL', container);
  await expectNoContainers(node);
});

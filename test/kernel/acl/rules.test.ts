import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { PodDrops } from '../../../contract/drops.ts';
import type { Pod } from '../../../contract/pod.ts';
import type { RuleSetInput } from '../../../contract/rule-set.ts';
import type { ActiveRules, RuleExplanation, RuleStatistics, RuleView } from '../../../contract/rules.ts';
import { openTestConnection } from '../../testbed/connection.ts';
import { startTestNode, type TestNode } from '../../testbed/node.ts';

const run = promisify(execFile);
const ports = ['8080', '9090'] as const;
/** Answers each connection and datagram with a line, on all addresses. */
const answering = `
  const net = require('node:net'), dgram = require('node:dgram');
  for (const port of ${JSON.stringify(ports)}) {
    net.createServer((socket) => socket.on('error', () => {}).end('hello')).listen(port, '::');
    const udp = dgram.createSocket('udp6');
    udp.on('message', (_, { port, address }) => udp.send('hello', port, address)).bind(port, '::');
  }
  setTimeout(() => console.log('ready'), 50);`;

let node: TestNode;
const pods: Record<string, Pod> = {};
const addresses = {
  cart: ['10.42.0.2', 'fd42::2'],
  web: ['10.42.0.3', 'fd42::3'],
  job: ['10.42.0.4', 'fd42::4'],
} as const;
type Name = keyof typeof addresses;

beforeAll(async () => {
  node = await startTestNode();
  for (const [name, [four, six]] of Object.entries(addresses))
    pods[name] = await node.addPod(name, [`${four}/32`, `${six}/128`], {
      kind: 'veth',
      labels: { app: name },
    });
  const server = spawn('nsenter', [`--net=${pods.cart!.netns.path}`, process.execPath, '-e', answering], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  servers.push(() => server.kill('SIGKILL'));
  await once(server.stdout, 'data');
}, 240_000);
const servers: (() => unknown)[] = [];
afterAll(async () => {
  for (const end of servers) end();
  await node?.[Symbol.asyncDispose]();
});

const put = (rules: RuleSetInput, path = '/rules') => node.ask<ActiveRules>('PUT', path, rules);

/** Ends in time with output where the packets pass. Without --norc, bash reads ~/.bashrc when its input is a socket. */
const tries = {
  icmp: (address: string) => ['ping', '-n', '-c', '1', '-W', '2', address],
  tcp: (address: string, port: string) => [
    'timeout',
    '2',
    'bash',
    '--norc',
    '-c',
    `exec 3<>/dev/tcp/${address}/${port}; head -1 <&3 | grep hello`,
  ],
  udp: (address: string, port: string) => [
    'timeout',
    '2',
    'bash',
    '--norc',
    '-c',
    `exec 3<>/dev/udp/${address}/${port}; echo x >&3; head -c 5 <&3 | grep hello`,
  ],
};

async function passes(
  from: Name,
  protocol: keyof typeof tries,
  address: string,
  port: string = ports[0],
): Promise<boolean> {
  const command = tries[protocol](address, port);
  return run('nsenter', [`--net=${pods[from]!.netns.path}`, ...command]).then(
    () => true,
    () => false,
  );
}

/** What the agent says of the same packet. */
async function explained(
  from: Name,
  protocol: keyof typeof tries,
  address: string,
  port: string,
  set = 'active',
) {
  const six = address.includes(':');
  return node.ask<RuleExplanation>('POST', '/rules/explain', {
    set,
    source: addresses[from][six ? 1 : 0],
    destination: address,
    protocol,
    ...(protocol === 'icmp' ? { icmp: { type: six ? 128 : 8 } } : { port: Number(port) }),
  });
}

const packetsOf = async (rule: string, set = 'active') => {
  const { items } = await node.ask<RuleStatistics>('GET', `/rules/statistics?set=${set}`);
  return items.find((item) => item.rule === rule)?.packets ?? -1;
};
const denied = async (pod: string) => {
  const { ours } = await node.ask<PodDrops>('GET', `/pods/shop.${pod}/drops`);
  return ours.filter(({ reason }) => reason === 'denied').reduce((sum, { packets }) => sum + packets, 0);
};

const shop: RuleSetInput = {
  name: 'shop',
  defaults: { ingress: 'deny' },
  rules: [
    {
      name: 'web to cart',
      direction: 'ingress',
      subject: { selector: { matchLabels: { app: 'cart' } } },
      peers: [{ pods: { matchLabels: { app: 'web' } } }],
      protocol: 'tcp',
      ports: [{ from: 7000, to: 8080 }],
      action: 'allow',
    },
    {
      name: 'echo',
      direction: 'ingress',
      subject: { namespace: 'shop' },
      protocol: 'icmp',
      icmp: [{ type: 8 }, { type: 128 }],
      action: 'allow',
    },
    {
      name: 'job writes',
      direction: 'ingress',
      subject: { pod: 'shop.cart' },
      peers: [{ cidr: '10.42.0.4/32' }],
      protocol: 'udp',
      ports: [{ from: 9090 }],
      action: 'allow',
    },
    {
      name: 'seen',
      direction: 'egress',
      subject: { pod: 'shop.job' },
      protocol: 'udp',
      action: 'log',
      priority: 1,
    },
  ],
};

const questions = (['web', 'job'] as const).flatMap((from) =>
  addresses.cart.flatMap((address) =>
    (['tcp', 'udp'] as const)
      .flatMap((protocol) => ports.map((port) => [from, protocol, address, port] as const))
      .concat([[from, 'icmp', address, '0'] as never]),
  ),
);

test('explanations agree with real packets of both families and all protocols; replies pass', async () => {
  const active = await put(shop);
  expect(active).toMatchObject({ version: 1, problem: null, warnings: [], sizes: { rules: 4 } });
  const outcomes = await Promise.all(
    questions.map(async (question) => ({
      question,
      passed: await passes(...question),
      explanation: await explained(...question),
    })),
  );
  for (const { question, passed, explanation } of outcomes)
    expect(explanation.verdict, `${question.join(' ')}: ${JSON.stringify(explanation)}`).toBe(
      passed ? 'allow' : 'deny',
    );
  expect(outcomes.filter(({ passed }) => passed).map(({ question }) => question.join(' '))).toEqual([
    ...['web tcp 10.42.0.2 8080', 'web icmp 10.42.0.2 0', 'web tcp fd42::2 8080', 'web icmp fd42::2 0'],
    ...['job udp 10.42.0.2 9090', 'job icmp 10.42.0.2 0', 'job icmp fd42::2 0'],
  ]);
  const logged = outcomes.find(
    ({ question }) => question.join(' ') === 'job udp 10.42.0.2 9090',
  )!.explanation;
  expect(logged).toMatchObject({ egress: { rule: null, log: 'seen' }, ingress: { rule: 'job writes' } });
  expect(await denied('cart')).toBeGreaterThan(8);
}, 80_000);

test('hits count what a rule decides, by rule and by entry', async () => {
  const before = await packetsOf('web to cart');
  await new Promise((resolve) => setTimeout(resolve, 1050));
  for (let n = 0; n < 3; n += 1) expect(await passes('web', 'tcp', '10.42.0.2')).toBe(true);
  await new Promise((resolve) => setTimeout(resolve, 1050));
  expect(await packetsOf('web to cart')).toBe(before + 3);
  const view = await node.ask<RuleView>('GET', '/rules/web%20to%20cart');
  expect(view).toMatchObject({
    pods: [{ name: 'cart' }],
    peers: ['10.42.0.3/32', 'fd42::3/128'],
    packets: before + 3,
  });
  expect(view.entries.reduce((sum, { packets }) => sum + packets!, 0)).toBe(before + 3);
  expect(await packetsOf('seen')).toBeGreaterThan(0);
});

test('the node reaches its pods, whatever the rules', () => {
  node.run(['ip', 'address', 'add', '10.42.255.1/32', 'dev', 'lo']);
  expect(
    node.run([
      'sh',
      '-c',
      'sleep 0.2; timeout 1 bash --norc -c "exec 3<>/dev/tcp/10.42.0.2/9090; head -1 <&3"',
    ]),
  ).toContain('hello');
});

test('staged rules report what they would deny and drop nothing until they are applied', async () => {
  const allow = shop.rules.map((rule) =>
    rule.name === 'web to cart' ? { ...rule, action: 'deny' as const } : rule,
  );
  await put({ ...shop, name: 'stricter', rules: allow }, '/rules/staged');
  expect(await passes('web', 'tcp', '10.42.0.2')).toBe(true);
  expect(await explained('web', 'tcp', '10.42.0.2', '8080', 'staged')).toMatchObject({
    verdict: 'deny',
    ingress: { rule: 'web to cart' },
  });
  expect(await packetsOf('web to cart', 'staged')).toBe(1);
  expect(await node.ask('GET', '/rules/staged')).toMatchObject({
    staged: { changes: { changed: ['web to cart'] } },
  });
  await node.ask('POST', '/rules/staged/apply?comment=stricter');
  expect(await passes('web', 'tcp', '10.42.0.2')).toBe(false);
  expect(await node.ask('POST', '/rules/versions/1/apply')).toMatchObject({
    version: 3,
    comment: 'Roll back to version 1',
  });
  expect(await passes('web', 'tcp', '10.42.0.2')).toBe(true);
});

test('an invalid text is rejected with lines, and the active rules stay', async () => {
  const refused = put({ ...shop, rules: [{ ...shop.rules[0]!, ports: [{ from: 70_000 }] }] });
  await expect(refused).rejects.toMatchObject({
    code: 'bad_rules',
    errors: [{ path: 'rules[0].ports[0].from' }],
  });
  expect(await passes('web', 'tcp', 'fd42::2')).toBe(true);
  expect(await passes('web', 'tcp', 'fd42::2', '9090')).toBe(false);
});

test('an added pod’s first packet is evaluated, and the pod is a peer of others at once', async () => {
  pods.late = await node.addPod('late', ['10.42.0.5/32'], { kind: 'veth', labels: { app: 'web' } });
  expect(await passes('late' as Name, 'tcp', '10.42.0.2')).toBe(true);
  expect(await passes('late' as Name, 'tcp', '10.42.0.2', '9090')).toBe(false);
  expect(await passes('web', 'icmp', '10.42.0.5')).toBe(true);
  expect(await passes('web', 'udp', '10.42.0.5')).toBe(false);
});

test('a migration and an agent restart keep connections and rules', async () => {
  const connection = await openTestConnection(pods.web!.netns.path, pods.cart!.netns.path, '10.42.0.2');
  onTestFinished(() => connection[Symbol.dispose]());
  const migrated = await node.migrate('shop.cart', 'veth', true);
  expect(migrated.state, JSON.stringify(migrated.error)).toBe('done');
  await connection.carries();
  expect(await passes('job', 'tcp', '10.42.0.2')).toBe(false);
  await node.killAgent();
  expect(await passes('web', 'tcp', '10.42.0.2')).toBe(true);
  expect(await passes('job', 'tcp', '10.42.0.2')).toBe(false);
  await node.startAgent();
  expect(await node.ask<ActiveRules>('GET', '/rules')).toMatchObject({
    version: 3,
    problem: null,
    rules: { name: 'shop' },
  });
  await connection.carries();
  expect(await passes('web', 'tcp', '10.42.0.2')).toBe(true);
  expect(await passes('job', 'tcp', '10.42.0.2')).toBe(false);
}, 80_000);

test('without rules all traffic is allowed again', async () => {
  await node.ask('DELETE', '/rules');
  expect(await passes('job', 'tcp', '10.42.0.2')).toBe(true);
  expect(await passes('job', 'udp', 'fd42::2')).toBe(true);
  expect(await explained('job', 'tcp', '10.42.0.2', '8080')).toMatchObject({
    verdict: 'allow',
    egress: null,
  });
});

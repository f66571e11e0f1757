import { execFileSync } from 'node:child_process';
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { AgentEvent } from '../../../contract/agent-event.ts';
import type { RuleSetInput } from '../../../contract/rule-set.ts';
import type { ActiveRules, StagedRules } from '../../../contract/rules.ts';
import { startTestNode, type TestNode } from '../../testbed/node.ts';
import { pollUntil } from '../../testbed/poll.ts';
import { ConversationEnd } from '../bpf/conversation.ts';

const subject = { selector: { matchLabels: { app: 'cart' } } };
const web = { pods: { matchLabels: { app: 'web' } } };
/** `cart` may be reached from `web` alone. It may begin nothing, or anything. */
const rulesWith = (egress: 'allow' | 'deny'): RuleSetInput => ({
  name: 'shop',
  rules: [
    { name: 'web', direction: 'ingress', subject, peers: [web], action: 'allow', priority: 0 },
    { name: 'no ingress', direction: 'ingress', subject, action: 'deny', priority: 1 },
    { name: 'egress', direction: 'egress', subject, action: egress, priority: 1 },
  ],
});

const addresses = { cart: '10.42.0.2', web: '10.42.0.3', job: '10.42.0.4' } as const;
type Name = keyof typeof addresses;
const port = 5000;
/** Time in seconds that the agent learns in. */
const seconds = 2;

let node: TestNode;
let ends: Record<Name, ConversationEnd>;

beforeEach(async () => {
  node = await startTestNode(['--learn', String(seconds)]);
  const opened: Partial<typeof ends> = {};
  for (const [name, address] of Object.entries(addresses)) {
    const pod = await node.addPod(name, `${address}/32`, { kind: 'veth', labels: { app: name } });
    opened[name as Name] = new ConversationEnd(pod.netns.path);
    // Not connected: no socket tells of a peer.
    await opened[name as Name]!.bind(address, port);
  }
  ends = opened as typeof ends;
});
afterEach(async () => {
  for (const end of Object.values(ends ?? {})) end[Symbol.dispose]();
  await node?.[Symbol.asyncDispose]();
});

const send = (from: Name, to: Name, text: string) => ends[from].sendTo(addresses[to], port, text);
const active = () => node.ask<ActiveRules>('GET', '/rules');

/** Has pods send to one another until a request is answered, and returns the answer. */
async function whileSending<T>(answer: Promise<T>, pairs: readonly (readonly [Name, Name])[]): Promise<T> {
  const over = { yet: false };
  const settled = answer.finally(() => {
    over.yet = true;
  });
  settled.catch(() => undefined);
  for (let number = 0; !over.yet; number += 1) {
    for (const [from, to] of pairs) await send(from, to, `${from}-${number}`);
    await sleep(50);
  }
  return settled;
}

async function hears(at: Name, text: string): Promise<boolean> {
  const deadline = performance.now() + 500;
  for (;;) {
    if ((await ends[at].receive()).includes(text)) return true;
    if (performance.now() > deadline) return false;
    await sleep(20);
  }
}

test('datagrams of sockets that are not connected go on where the rules allow either end to begin', async () => {
  const start = performance.now();
  const applying = node.ask<ActiveRules>('PUT', '/rules', rulesWith('deny'));
  const seen = pollUntil(active, ({ learning }) => (learning?.connections ?? 0) >= 4);
  const applied = await whileSending(applying, [
    ['web', 'cart'],
    ['cart', 'web'],
    ['job', 'cart'],
    ['cart', 'job'],
  ]);
  const ms = performance.now() - start;
  expect(ms).toBeGreaterThan(seconds * 1000);
  expect((await seen).learning?.until).toMatch(/Z$/);
  expect(applied).toMatchObject({ learning: null, load: { adopted: 4 } });
  // The server's end goes on first, which may begin nothing.
  await send('cart', 'web', 'allowed');
  expect(await hears('web', 'allowed')).toBe(true);
  await send('cart', 'job', 'denied');
  expect(await hears('job', 'denied')).toBe(false);
  await send('job', 'cart', 'ended');
  expect(await hears('cart', 'ended')).toBe(false);

  const { items } = await node.ask<{ items: AgentEvent[] }>('GET', '/events?limit=20');
  const messages = items.filter(({ type }) => type.startsWith('rules.')).map(({ message }) => message);
  expect(messages).toEqual([
    expect.stringContaining('4 existing connections were taken over'),
    expect.stringContaining('until then all traffic is allowed'),
  ]);
  expect((await active()).load?.adopted).toBe(4);
  const shown = execFileSync(process.execPath, ['cli/podlane.js', 'rules', 'show', '--socket', node.socket], {
    encoding: 'utf8',
  });
  expect(shown).toMatch(/^adopted +4$/m);
});

test('without learning, the end that may begin nothing is cut off until the other speaks', async () => {
  await node.stopAgent();
  await node.startAgent(['--learn', '0']);
  await whileSending(sleep(300), [
    ['web', 'cart'],
    ['cart', 'web'],
  ]);
  expect(await node.ask<ActiveRules>('PUT', '/rules', rulesWith('deny'))).toMatchObject({
    load: { adopted: 0 },
  });
  await send('cart', 'web', 'cut');
  expect(await hears('web', 'cut')).toBe(false);
});

test('what was not answered is not taken over: it opens no door for who sends meanwhile', async () => {
  const applied = await whileSending(node.ask<ActiveRules>('PUT', '/rules', rulesWith('allow')), [
    ['job', 'cart'],
  ]);
  expect(applied.load?.adopted).toBe(0);
  await ends.cart.receive();
  await send('job', 'cart', 'denied');
  expect(await hears('cart', 'denied')).toBe(false);
  // What cart begins with the same ports does, and is answered.
  await send('cart', 'job', 'begun');
  expect(await hears('job', 'begun')).toBe(true);
  await send('job', 'cart', 'answer');
  expect(await hears('cart', 'answer')).toBe(true);
});

test('pods are attached meanwhile, and the rules hold for them', async () => {
  const applying = node.ask<ActiveRules>('PUT', '/rules', rulesWith('deny'));
  await pollUntil(active, ({ learning }) => learning !== null);
  const start = performance.now();
  await node.addPod('late', '10.42.0.9/32', { kind: 'veth', labels: { app: 'cart' } });
  expect(performance.now() - start).toBeLessThan(seconds * 1000);
  expect(await active()).toMatchObject({ learning: { until: expect.any(String) }, rules: null });
  await applying;
  await send('job', 'cart', 'denied');
  const explained = await node.ask('POST', '/rules/explain', {
    ...{ source: 'shop.job', destination: 'shop.late', protocol: 'udp', port },
  });
  expect(explained).toMatchObject({ verdict: 'deny' });
});

test('nothing is learned while rules are active, are staged, or were active before a start', async () => {
  const quickly = async (change: () => Promise<unknown>): Promise<void> => {
    const start = performance.now();
    await change();
    expect(performance.now() - start).toBeLessThan(seconds * 1000);
    expect((await active()).learning).toBeNull();
  };
  const { staged } = await node.ask<{ staged: StagedRules }>('PUT', '/rules/staged', rulesWith('deny'));
  expect(staged.load?.adopted).toBe(0);
  await quickly(() => node.ask('POST', '/rules/staged/apply', {}));
  await quickly(() => node.ask('PUT', '/rules', rulesWith('allow')));
  // With a new connection table, as after a reboot: nothing passes that the rules do not allow.
  await node.killAgent();
  await node.startAgent(['--connections', '32768']);
  expect(await active()).toMatchObject({ learning: null, rules: { name: 'shop' } });
  await send('job', 'cart', 'denied');
  expect(await hears('cart', 'denied')).toBe(false);
});

test('a caller that goes away ends the learning, and nothing is applied; so does an agent that is killed', async () => {
  const body = JSON.stringify(rulesWith('deny'));
  const asked = request({
    socketPath: node.socket,
    method: 'PUT',
    path: '/api/v1/rules',
    headers: { 'content-type': 'application/json' },
  });
  asked.on('error', () => undefined).end(body);
  await pollUntil(active, ({ learning }) => learning !== null);
  asked.destroy();
  await pollUntil(active, ({ learning }) => learning === null);
  expect(await active()).toMatchObject({ rules: null, version: 0 });

  const killed = node.ask('PUT', '/rules', rulesWith('deny'));
  killed.catch(() => undefined);
  await pollUntil(active, ({ learning }) => learning !== null);
  await node.killAgent();
  await node.startAgent();
  expect(await active()).toMatchObject({ rules: null, learning: null });
  await send('job', 'cart', 'open');
  expect(await hears('cart', 'open')).toBe(true);
});

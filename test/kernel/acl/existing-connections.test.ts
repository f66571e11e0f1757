import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseAddress } from '../../../contract/cidr.ts';
import { type RuleSetInput, ruleSetSchema } from '../../../contract/rule-set.ts';
import type { Verdict } from '../../../contract/verdict.ts';
import { defaultConntrackTimeouts } from '../../../server/acl/load/conntrack-timeouts.ts';
import type { VerdictEvent } from '../../../server/bpf/packet-events.ts';
import { startTestNode, type TestNode } from '../../testbed/node.ts';
import { ConversationEnd } from '../bpf/conversation.ts';
import { RuleFixture } from './rule-fixture.ts';

/** `cart` may be reached from `web` alone, and may begin nothing. */
const rules: RuleSetInput = {
  name: 'shop',
  defaults: { ingress: 'allow', egress: 'allow' },
  rules: [
    {
      name: 'web',
      direction: 'ingress',
      subject: { selector: { matchLabels: { app: 'cart' } } },
      peers: [{ pods: { matchLabels: { app: 'web' } } }],
      action: 'allow',
      priority: 0,
    },
    ...(['ingress', 'egress'] as const).map((direction) => ({
      name: `no ${direction}`,
      direction,
      subject: { selector: { matchLabels: { app: 'cart' } } },
      action: 'deny' as const,
      priority: 1,
    })),
  ],
};

const addresses = { cart: '10.42.0.2', web: '10.42.0.3', job: '10.42.0.4' } as const;

/** Who has a connection to `cart` before there are rules, and whether the rules allow it. */
const connections = { web: true, job: false, node: true } as const;
type Name = keyof typeof connections;

// With conntrack in use on the host, connections are known from there, else from the pods' sockets.
describe.each([
  [
    'in use',
    'table inet host { chain f { type filter hook forward priority 0; ct state new counter; }; chain i { type filter hook output priority 0; ct state new counter; }; }',
  ],
  ['not in use', null],
])('while conntrack is %s on the host', (_, nft) => {
  let node: TestNode;
  const clients: Partial<Record<Name, ConversationEnd>> = {};
  /** A server of its own for each client, so that it can speak in the right connection. */
  const servers: Partial<Record<Name, ConversationEnd>> = {};
  const ports = { web: 8081, job: 8082, node: 8083 } as const;

  beforeAll(async () => {
    node = await startTestNode();
    node.run(['ip', 'address', 'add', '192.0.2.1/32', 'dev', 'lo']);
    if (nft !== null) execFileSync('nsenter', [`--net=${node.host}`, 'nft', '-f', '-'], { input: nft });
    // By the stack, so that conntrack sees both directions.
    if (nft !== null) await node.ask('PUT', '/node/settings', { redirect: false });
    for (const [name, address] of Object.entries(addresses)) {
      const pod = await node.addPod(name, `${address}/32`, { kind: 'veth', labels: { app: name } });
      if (name !== 'cart') clients[name as Name] = new ConversationEnd(pod.netns.path);
      else
        for (const client of Object.keys(connections) as Name[]) {
          servers[client] = new ConversationEnd(pod.netns.path);
          await servers[client].serve(address, ports[client], client);
        }
    }
    clients.node = new ConversationEnd(node.host);
  }, 60_000);
  afterAll(async () => {
    for (const end of [...Object.values(clients), ...Object.values(servers)]) end[Symbol.dispose]();
    await node?.[Symbol.asyncDispose]();
  });

  async function exchange(name: Name): Promise<string[]> {
    const heard: string[] = [];
    for (const [speaker, listener] of [
      [clients[name]!, servers[name]!],
      [servers[name]!, clients[name]!],
    ] as const) {
      await speaker.say('!');
      heard.push(await listener.hear());
    }
    return heard;
  }

  test('staged rules see who began them, and applied ones let those go on that they allow', async () => {
    for (const name of Object.keys(connections) as Name[]) {
      expect(await clients[name]!.open(addresses.cart, ports[name])).toBe('open');
      expect(await exchange(name)).toEqual(['!', '!']);
      expect(await clients[name]!.ask('udp', addresses.cart, ports[name], { from: 5000 })).toBe(name);
    }
    await node.ask('PUT', '/rules/staged', rules);
    for (const name of Object.keys(connections) as Name[]) {
      expect(await exchange(name)).toEqual(['!', '!']);
      expect(await clients[name]!.ask('udp', addresses.cart, ports[name], { from: 5000 })).toBe(name);
    }
    await sleep(300);
    const { items } = await node.ask<{ items: Verdict[] }>('GET', '/verdicts?kind=staged-deny&limit=500');
    const denied = new Set(items.flatMap(({ source, destination }) => [source.address, destination.address]));
    denied.delete(addresses.cart);
    expect([...denied]).toEqual([addresses.job]);

    await node.ask('POST', '/rules/staged/apply', {});
    for (const [name, allowed] of Object.entries(connections) as [Name, boolean][]) {
      expect({ name, heard: await exchange(name) }).toEqual({
        name,
        heard: allowed ? ['!', '!'] : ['nothing', 'nothing'],
      });
      expect(await clients[name]!.ask('udp', addresses.cart, ports[name], { from: 5000 })).toBe(
        allowed ? name : 'no answer',
      );
    }
  }, 60_000);

  test('they go on when an agent with another connection table takes over', async () => {
    await node.stopAgent();
    await node.startAgent(['--connections', '32768']);
    for (const name of ['web', 'node'] as const) {
      expect({ name, heard: await exchange(name) }).toEqual({ name, heard: ['!', '!'] });
      expect(await clients[name]!.ask('udp', addresses.cart, ports[name], { from: 5000 })).toBe(name);
    }
    expect(await clients.job!.ask('tcp', addresses.cart, ports.job)).toBe('no answer');
  }, 60_000);
});

test.each([
  ['ingress', false],
  ['egress', false],
  ['neither', true],
] as const)(
  'connections whose initiator nobody knows are let go on by staged and applied rules that allow %s',
  async (allowed, denies) => {
    const [own, peer] = ['10.42.0.1', '192.0.2.7'];
    const realPeer = { address: peer, port: 80 };
    const existing = {
      ...{ owner: 1, protocol: 17, peer, podPort: 5000, peerPort: 80 },
      ...{ initiator: 'unknown' as const, fromNode: false, realPeer },
    };
    await using fixture = await RuleFixture.open(1, undefined, [existing]);
    const pod = { id: 'pod-0', namespace: 'shop', name: 'cart', labels: {}, addresses: [`${own}/32`] };
    const events: VerdictEvent[] = [];
    fixture.loader.onVerdicts((batch) => events.push(...batch));
    const set = ruleSetSchema.parse({
      name: 'tested',
      defaults: { ingress: 'deny', egress: 'deny' },
      rules:
        allowed === 'neither'
          ? []
          : [{ name: 'all', direction: allowed, subject: { all: true }, action: 'allow' }],
    });
    await fixture.load('staged', set, [pod]);
    const [outwards, inwards] = [
      { source: parseAddress(own), destination: parseAddress(peer), sourcePort: 5000, destinationPort: 80 },
      { source: parseAddress(peer), destination: parseAddress(own), sourcePort: 80, destinationPort: 5000 },
    ];
    const verdicts = fixture.evaluate([
      { slot: 0, direction: 'egress', packet: { protocol: 17, ...outwards } },
      { slot: 0, direction: 'ingress', packet: { protocol: 17, ...inwards } },
    ]);
    expect(verdicts).toEqual(['pass', 'pass']);
    await sleep(100);
    expect(events.map(({ kind }) => kind)).toEqual(denies ? ['staged-deny', 'staged-deny'] : []);
    await fixture.load('active', set, [pod]);
    expect(
      fixture.evaluate([{ slot: 0, direction: 'egress', packet: { protocol: 17, ...outwards } }]),
    ).toEqual([denies ? 'drop' : 'pass']);
  },
);

test.each([
  ['expired', { ...defaultConntrackTimeouts, udp: { unreplied: 0, replied: 300, closing: 0 } }],
  ['of earlier rules', defaultConntrackTimeouts],
] as const)(
  'connections are taken over though the quota of their pod is full of ones that are %s',
  async (_, timeouts) => {
    const [own, peer] = ['10.42.0.1', '192.0.2.7'];
    const existing = {
      ...{ owner: 1, protocol: 17, peer, podPort: 5000, peerPort: 80 },
      ...{ initiator: 'pod' as const, fromNode: false, realPeer: { address: peer, port: 80 } },
    };
    await using fixture = await RuleFixture.open(1, timeouts, [existing]);
    const pod = { id: 'pod-0', namespace: 'shop', name: 'cart', labels: {}, addresses: [`${own}/32`] };
    const set = ruleSetSchema.parse({ name: 'tested', defaults: { ingress: 'deny' }, rules: [] });
    await fixture.load('active', set, [pod]);
    const { quota } = fixture.loader.connectionUse();
    fixture.evaluate(
      Array.from({ length: quota + 10 }, (_, index) => ({
        slot: 0,
        direction: 'egress' as const,
        packet: {
          ...{ protocol: 17, source: parseAddress(own), destination: parseAddress('192.0.2.9') },
          ...{ sourcePort: 1000 + (index & 0x3fff), destinationPort: 1000 + (index >> 14) },
        },
      })),
    );
    await fixture.load('active', null, []);
    const { loaded } = await fixture.load('active', set, [pod]);
    expect(loaded.adopted).toBe(1);
    const answer = { source: parseAddress(peer), destination: parseAddress(own) };
    expect(
      fixture.evaluate([
        {
          slot: 0,
          direction: 'ingress',
          packet: { protocol: 17, ...answer, sourcePort: 80, destinationPort: 5000 },
        },
      ]),
    ).toEqual(['pass']);
    const [use] = fixture.loader.connectionUse().pods;
    expect(use?.connections).toBeLessThanOrEqual(quota);
    // The programs go on with the ring as it was left.
    expect(
      fixture.evaluate(
        [5001, 5002].map((sourcePort) => ({
          slot: 0,
          direction: 'egress' as const,
          packet: {
            protocol: 17,
            source: answer.destination,
            destination: answer.source,
            sourcePort,
            destinationPort: 80,
          },
        })),
      ),
    ).toEqual(['pass', 'pass']);
    expect(fixture.loader.connections(1).map(({ podPort }) => podPort)).toEqual(
      expect.arrayContaining(timeouts === defaultConntrackTimeouts ? [5000, 5001, 5002] : [5000]),
    );
  },
);

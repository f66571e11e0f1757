import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DeviceKind } from '../../../contract/device.ts';
import type { RuleSetInput } from '../../../contract/rule-set.ts';
import type { ActiveRules } from '../../../contract/rules.ts';
import { ping, startTestNode, type TestNode } from '../../testbed/node.ts';
import { type RawFamily, RawSocket } from '../../testbed/raw-socket.ts';
import { type Conversation, listConversations } from './transport-payloads.ts';

const cart = { selector: { matchLabels: { app: 'cart' } } };
/** `cart` may be reached from `web` alone, and may begin nothing. */
const rules: RuleSetInput = {
  name: 'shop',
  defaults: { ingress: 'allow', egress: 'allow' },
  rules: [
    {
      name: 'web',
      direction: 'ingress',
      subject: cart,
      peers: [{ pods: { matchLabels: { app: 'web' } } }],
      action: 'allow',
      priority: 0,
    },
    { name: 'no ingress', direction: 'ingress', subject: cart, action: 'deny', priority: 1 },
    { name: 'no egress', direction: 'egress', subject: cart, action: 'deny', priority: 1 },
  ],
};

const addresses = {
  cart: { IPv4: '10.42.0.2', IPv6: 'fd42::2' },
  web: { IPv4: '10.42.0.3', IPv6: 'fd42::3' },
  job: { IPv4: '10.42.0.4', IPv6: 'fd42::4' },
} as const;
type Pod = keyof typeof addresses;
const clients = ['web', 'job'] as const;

/** Has the host track all connections. */
const tracking = `
table inet host {
  chain f { type filter hook forward priority 0; ct state new counter; }
  chain o { type filter hook output priority 0; ct state new counter; }
}`;

/** Both ends of a conversation with a client, each in its pod. */
class Flow implements Disposable {
  readonly name: string;
  readonly client: (typeof clients)[number];
  readonly #conversation: Conversation;
  readonly #family: RawFamily;
  readonly #sockets: Record<'client' | 'server', RawSocket>;

  constructor(
    name: string,
    conversation: Conversation,
    family: RawFamily,
    client: (typeof clients)[number],
    netns: Record<Pod, string>,
  ) {
    this.name = `${name} over ${family}`;
    this.client = client;
    this.#conversation = conversation;
    this.#family = family;
    this.#sockets = {
      client: new RawSocket(netns[client], family, conversation.protocol),
      server: new RawSocket(netns.cart, family, conversation.protocol),
    };
  }

  #send(side: 'client' | 'server', payload: Buffer): void {
    const to = side === 'client' ? 'cart' : this.client;
    this.#sockets[side].send(addresses[to][this.#family], payload);
  }

  async open(): Promise<void> {
    for (const [index, payload] of this.#conversation.opening.entries()) {
      this.#send(index % 2 === 0 ? 'client' : 'server', payload);
      await sleep(5);
    }
  }

  request(number: number): void {
    this.#send('client', this.#conversation.request(this.#own(number)));
  }

  answer(number: number): void {
    this.#send('server', this.#conversation.answer(this.#own(number)));
  }

  /** Tells the packets of the clients apart: a raw socket gets those of all. */
  #own(number: number): number {
    return number + 100_000 * clients.indexOf(this.client);
  }

  /** True if a request or an answer with this number has arrived. Forgets what else has. */
  hears(side: 'client' | 'server', number: number): boolean {
    const { request, answer } = this.#conversation;
    const wanted = (side === 'server' ? request : answer)(this.#own(number));
    return this.#sockets[side].receive().some((payload) => payload.subarray(8).equals(wanted.subarray(8)));
  }

  [Symbol.dispose](): void {
    for (const socket of Object.values(this.#sockets)) socket[Symbol.dispose]();
  }
}

/**
 * Tests that flows of all protocols that exist when the first rules are applied go on where the rules allow them: as the
 * host's conntrack knows them, or as they are learned, with pods of a kind.
 */
export function describeExistingFlows(kind: DeviceKind): void {
  describe.each([
    ['known to the host’s conntrack', { nft: tracking, learn: '0' }],
    ['learned', { nft: null, learn: '2' }],
  ] as const)(`flows of ${kind} pods that are %s`, (_, { nft, learn }) => {
    let node: TestNode;
    const flows: Flow[] = [];
    const netns: Partial<Record<Pod, string>> = {};

    beforeAll(async () => {
      node = await startTestNode(['--learn', learn]);
      if (nft !== null) execFileSync('nsenter', [`--net=${node.host}`, 'nft', '-f', '-'], { input: nft });
      // By the stack, so that conntrack sees both directions.
      if (nft !== null) await node.ask('PUT', '/node/settings', { redirect: false });
      for (const [name, { IPv4, IPv6 }] of Object.entries(addresses)) {
        const pod = await node.addPod(name, [`${IPv4}/32`, `${IPv6}/128`], { kind, labels: { app: name } });
        netns[name as Pod] = pod.netns.path;
      }
      for (const family of ['IPv4', 'IPv6'] as const)
        for (const [name, conversation] of Object.entries(listConversations(family)))
          for (const client of clients)
            flows.push(new Flow(name, conversation, family, client, netns as Record<Pod, string>));
    });
    afterAll(async () => {
      for (const flow of flows) flow[Symbol.dispose]();
      await node?.[Symbol.asyncDispose]();
    });

    test('go on where the rules allow them, whichever end speaks first', async () => {
      // A running ping: its requests are answered by the kernel.
      const pinged = ping(netns.web!, addresses.cart.IPv4, 400, 20);
      const pingedByJob = ping(netns.job!, addresses.cart.IPv4, 400, 20);
      await sleep(500);
      for (const flow of flows) await flow.open();
      const applied = node.ask<ActiveRules>('PUT', '/rules', rules);
      // While they are learned, both ends speak.
      let isApplied = false;
      void applied.finally(() => {
        isApplied = true;
      });
      for (let number = 100; !isApplied; number += 1) {
        if (nft === null)
          for (const flow of flows) {
            flow.request(number);
            flow.answer(number);
          }
        await sleep(100);
      }
      const { load, learning } = await applied;
      expect({ learning, adopted: (load?.adopted ?? 0) >= flows.length }).toEqual({
        learning: null,
        adopted: true,
      });
      for (const flow of flows) flow.hears('client', 0);
      for (const flow of flows) flow.answer(7000);
      await sleep(300);
      for (const flow of flows)
        expect({ flow: flow.name, client: flow.client, heard: flow.hears('client', 7000) }).toEqual({
          flow: flow.name,
          client: flow.client,
          heard: flow.client === 'web',
        });
      for (const flow of flows) flow.hears('server', 0);
      for (const flow of flows) flow.request(8000);
      await sleep(300);
      for (const flow of flows)
        expect({ flow: flow.name, client: flow.client, heard: flow.hears('server', 8000) }).toEqual({
          flow: flow.name,
          client: flow.client,
          heard: flow.client === 'web',
        });
      const [web, job] = [await pinged, await pingedByJob];
      expect(web).toMatchObject({ sent: 400, lost: 0 });
      expect(job.lost).toBeGreaterThan(0);
    });
  });
}

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Condition } from '../../../contract/condition.ts';
import type { NodeInfo } from '../../../contract/node.ts';
import type { RuleSetInput } from '../../../contract/rule-set.ts';
import { startTestNode, type TestNode } from '../../testbed/node.ts';
import { ConversationEnd } from '../bpf/conversation.ts';

const addresses = { cart: '10.42.0.2', web: '10.42.0.3' } as const;
const service = '10.96.0.2';
/** A service whose backend is `cart`. */
const nat = `table inet shop { chain pre { type nat hook prerouting priority -100; ip daddr ${service} tcp dport 80 dnat ip to ${addresses.cart}:8080; }; }`;
const subject = { selector: { matchLabels: { app: 'web' } } };
/** `web` may reach `cart` alone, hence its service. */
const rules: RuleSetInput = {
  name: 'shop',
  rules: [
    {
      ...{ name: 'cart', direction: 'egress', subject, action: 'allow', priority: 0 },
      peers: [{ pods: { matchLabels: { app: 'cart' } } }],
    },
    { name: 'no egress', direction: 'egress', subject, action: 'deny', priority: 1 },
  ],
};

const folder = mkdtempSync(join(tmpdir(), 'podlane-t-nat-'));
/** While this file exists, the agent cannot read the node's rules. */
const refuse = join(folder, 'refuse');
const preload = new URL('../../testbed/refuse-netfilter.ts', import.meta.url);
let node: TestNode;
let web: ConversationEnd;
let cart: ConversationEnd;

const nft = (input: string) => execFileSync('nsenter', [`--net=${node.host}`, 'nft', '-f', '-'], { input });
const ofNat = async (): Promise<Condition | undefined> =>
  (await node.ask<NodeInfo>('GET', '/node')).conditions.find(({ reason }) => reason === 'nat_unknown');
const throughService = () => web.ask('tcp', service, 80);

beforeAll(async () => {
  node = await startTestNode([], {
    env: { NODE_OPTIONS: `--import ${preload.href}`, REFUSE_NETFILTER: refuse },
  });
  const pods = await Promise.all(
    Object.entries(addresses).map(([name, address]) =>
      node.addPod(name, `${address}/32`, { kind: 'veth', labels: { app: name } }),
    ),
  );
  [cart, web] = pods.map(({ netns }) => new ConversationEnd(netns.path)) as [
    ConversationEnd,
    ConversationEnd,
  ];
  await cart.serve(addresses.cart, 8080, 'cart');
});
afterAll(async () => {
  for (const end of [web, cart]) end?.[Symbol.dispose]();
  await node?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

test('what was known of the node’s NAT holds while its rules cannot be read, and a condition says so', async () => {
  nft(nat);
  await node.ask('PUT', '/rules', rules);
  expect(await throughService()).toBe('cart');
  expect(await ofNat()).toBeUndefined();

  writeFileSync(refuse, '');
  await expect.poll(ofNat).toMatchObject({
    message: expect.stringMatching(/cannot be read \(.*ENOBUFS.*\).* evaluated as with NAT/),
    remedy: expect.stringContaining('nft list chains'),
    since: expect.any(String),
  });
  expect(await throughService()).toBe('cart');
  // Rules are loaded behind a look at NAT.
  await node.ask('PUT', '/rules', { ...rules, name: 'shop-2' });
  expect(await throughService()).toBe('cart');
  const { since } = (await ofNat())!;

  // An agent that takes over knows it from the one before.
  await node.killAgent();
  await node.startAgent();
  await expect.poll(ofNat).toMatchObject({ message: expect.stringContaining('evaluated as with NAT') });
  expect(Date.parse((await ofNat())!.since)).toBeGreaterThanOrEqual(Date.parse(since));
  expect(await throughService()).toBe('cart');

  rmSync(refuse);
  await expect.poll(ofNat).toBeUndefined();
  expect(await throughService()).toBe('cart');
});

test('where none was known, the traffic of pods is evaluated as without NAT until the rules can be read', async () => {
  nft('delete table inet shop');
  await expect.poll(throughService).toBe('no answer');
  writeFileSync(refuse, '');
  await expect.poll(ofNat).toMatchObject({ message: expect.stringContaining('evaluated as without NAT') });
  nft(nat);
  // By the service's own address, which the rules do not allow.
  expect(await throughService()).toBe('no answer');
  rmSync(refuse);
  await expect.poll(throughService).toBe('cart');
  expect(await ofNat()).toBeUndefined();
});

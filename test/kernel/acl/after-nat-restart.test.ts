import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RuleSetInput } from '../../../contract/rule-set.ts';
import { startTestNode, type TestNode } from '../../testbed/node.ts';
import { ConversationEnd } from '../bpf/conversation.ts';

const addresses = { cart: '10.42.0.2', web: '10.42.0.3', job: '10.42.0.4' } as const;
const services = { cart: '10.96.0.2', job: '10.96.0.4' } as const;
const nat = `table inet shop { chain pre { type nat hook prerouting priority -100;
  ip daddr ${services.cart} tcp dport 80 dnat ip to ${addresses.cart}:8080;
  ip daddr ${services.job} tcp dport 80 dnat ip to ${addresses.job}:8080; }; }`;
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

let node: TestNode;
const ends: Record<string, ConversationEnd> = {};

beforeAll(async () => {
  node = await startTestNode();
  for (const [name, address] of Object.entries(addresses)) {
    const pod = await node.addPod(name, `${address}/32`, { kind: 'veth', labels: { app: name } });
    ends[name] = new ConversationEnd(pod.netns.path);
  }
  for (const name of ['cart', 'job'] as const) await ends[name]!.serve(addresses[name], 8080, name);
  execFileSync('nsenter', [`--net=${node.host}`, 'nft', '-f', '-'], { input: nat });
  await node.ask('PUT', '/rules', rules);
});
afterAll(async () => {
  for (const end of Object.values(ends)) end[Symbol.dispose]();
  await node?.[Symbol.asyncDispose]();
});

const bpftool = (...words: string[]) => spawnSync('bpftool', ['--json', ...words], { encoding: 'utf8' });

/** Lists the programs at netfilter's hooks: their ids, by the pin of the link. */
function listHookPrograms(): Record<string, number> {
  const directory = join(node.pins, 'netfilter');
  return Object.fromEntries(
    readdirSync(directory).map((name) => [
      name,
      JSON.parse(bpftool('link', 'show', 'pinned', join(directory, name)).stdout).prog_id,
    ]),
  );
}

test('egress rules see who is behind a service whichever agent runs: the first, and each that takes over', async () => {
  for (let agents = 1; ; agents++) {
    expect(await ends.web!.ask('tcp', services.cart, 80), `agent ${agents}`).toBe('cart');
    expect(await ends.web!.ask('tcp', services.job, 80), `agent ${agents}`).toBe('no answer');
    if (agents === 6) break;
    const before = listHookPrograms();
    await node.killAgent();
    await node.startAgent();
    const after = listHookPrograms();
    expect(Object.keys(after)).toEqual(Object.keys(before));
    expect(Object.keys(after)).toHaveLength(4);
    // The kernel frees a program once its last link is gone.
    for (const id of new Set(Object.values(before)))
      await expect.poll(() => bpftool('prog', 'show', 'id', String(id)).status).not.toBe(0);
  }
});

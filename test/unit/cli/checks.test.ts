import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fakeAgent, podlane } from './podlane-process.ts';

const found = {
  checks: { source: 'strict', sourcePrefixes: ['10.8.0.0/24'], ethertypes: ['lldp'] },
  lost: {
    sources: [{ address: '10.9.0.1', packets: 3, lastSeen: '2026-01-01T00:00:00.000Z', direction: 'egress' }],
    ethertypes: [
      { ethertype: 'ptp', packets: 1, lastSeen: '2026-01-01T00:00:00.000Z', direction: 'ingress' },
    ],
    counted: { spoofedSource: 5, unknownProtocol: 1 },
  },
};
const path = '/pods/shop.cart/checks';
const responses = { [`GET ${path}`]: { body: found }, [`PUT ${path}`]: { body: found } };

test('checks of a pod are shown with what it loses by them', async () => {
  const { socket, requests } = await fakeAgent(responses);
  const { code, stdout } = await podlane('checks', 'shop.cart', '--socket', socket);
  expect(code).toBe(0);
  for (const part of [
    /10\.8\.0\.0\/24/,
    /5 packets of other sources/,
    /10\.9\.0\.1 +egress +3/,
    /ptp +ingress +1/,
  ])
    expect(stdout).toMatch(part);
  expect(requests.map(({ line }) => line)).toEqual([`GET ${path}`]);
});

test.each([
  [['--prefix', '10.9.0.0/24', '--prefix', 'fd00::/64'], { sourcePrefixes: ['10.9.0.0/24', 'fd00::/64'] }],
  [['--ethertype', 'ptp'], { ethertypes: ['ptp'] }],
  [['--source', 'off'], { source: 'off', sourcePrefixes: [] }],
])('%j changes these and keeps the others', async (options, changed) => {
  const { socket, requests } = await fakeAgent(responses);
  expect((await podlane('checks', 'shop.cart', ...options, '--socket', socket)).code).toBe(0);
  expect(JSON.parse(requests[1]!.body)).toEqual({ ...found.checks, ...changed });
});

test('--reset starts from strict checks, and a wrong mode is refused without a change', async () => {
  const { socket, requests } = await fakeAgent(responses);
  await podlane('checks', 'shop.cart', '--reset', '--ethertype', 'vlan', '--socket', socket);
  expect(JSON.parse(requests[1]!.body)).toEqual({ ethertypes: ['vlan'] });
  const wrong = await podlane('checks', 'shop.cart', '--source', 'loose', '--socket', socket);
  expect(wrong).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('--source loose: not strict or off'),
  });
  expect(requests.filter(({ line }) => line.startsWith('PUT'))).toHaveLength(1);
});

test('rules are merged by an option', async () => {
  const plan = {
    sizes: { rules: 1, prefixes: 0, identities: 0, entries: 1 },
    changes: { added: ['a'], removed: [], changed: [], defaults: false },
    write: { written: 1, removed: 0 },
    warnings: [],
  };
  const { socket, folder, requests } = await fakeAgent({
    'PUT /rules?dryRun=true&merge=true': { body: plan },
    'PUT /rules/staged?merge=true': { body: { staged: { base: 1, sizes: plan.sizes, warnings: [] } } },
    'PUT /rules?merge=true&comment=why': { body: { version: 2, sizes: plan.sizes, warnings: [] } },
  });
  const file = join(folder, 'rules.yaml');
  writeFileSync(file, 'rules: []\n');
  const checked = await podlane('rules', 'check', file, '--merge', '--socket', socket);
  expect(checked.stdout).toMatch(/added +a/);
  const applied = await podlane('rules', 'apply', file, '--merge', '--comment', 'why', '--socket', socket);
  expect(applied.stdout).toMatch(/version 2 is active/);
  const staged = await podlane('rules', 'stage', file, '--merge', '--socket', socket);
  expect(staged.stdout).toMatch(/staged on version 1/);
  expect(requests).toHaveLength(3);
});

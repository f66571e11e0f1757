import { expect, test, vi } from 'vitest';
import type { Batch } from '../../../contract/batch.ts';
import type { Migration, MigrationItem, MigrationPlan } from '../../../contract/migration.ts';
import { ProblemError } from '../../../contract/problem.ts';
import { toChecks } from '../../../server/datapath/migration/plan-items.ts';
import { member, newBatch } from '../batch/records.ts';
import { fakeAgent, podlane } from './podlane-process.ts';

// Each test starts processes, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 });

const end = (name: string, ifindex: number) => ({ name, ifindex });
const from = { kind: 'netkit', slot: 3, primary: end('pl3', 1048582), peer: end('eth0', 1048583) } as const;
const to = { kind: 'veth', slot: 4, primary: end('pl3', 1048584), peer: end('eth0', 1048585) } as const;

const items: MigrationItem[] = [
  {
    id: 'pod/traffic class/1:10',
    end: 'pod',
    kind: 'traffic class',
    key: '1:10',
    name: 'class htb 1:10 rate 1Gbit',
    outcome: 'lost',
    becomes: 'a new veth device does not take it on this kernel',
  },
  {
    id: 'host/socket/7',
    end: 'host',
    kind: 'socket',
    key: '7',
    name: 'raw sockets',
    outcome: 'unknown',
    becomes: 'this kernel does not report whether they are bound to the interface',
  },
];

const plan: MigrationPlan = {
  podId: 'p',
  direction: 'fallback',
  from,
  to,
  allowed: true,
  checks: [
    { topic: 'device', name: 'Pod has its device', state: 'passed', detail: 'pl3', code: null },
    ...toChecks(items),
  ],
  items,
  steps: [{ step: 'planned', description: 'Write the plan to the journal', undoable: true, requests: [] }],
  script: '',
};

const migration = (state: Migration['state']): Migration => ({
  id: 'm',
  number: 12,
  podId: 'p',
  podNamespace: 'shop',
  podName: 'cart',
  direction: 'fallback',
  from,
  to,
  actor: 'root',
  state,
  startedAt: new Date(0).toISOString(),
  endedAt: state === 'running' ? null : new Date(90).toISOString(),
  durationMs: state === 'running' ? null : 90,
  steps: [],
  result:
    state !== 'done'
      ? null
      : {
          egressPackets: 5,
          ingressPackets: 6,
          packetsOnOldDevice: 0,
          deviceDrops: 0,
          kernelDrops: [{ reason: 'NO_SOCKET', packets: 2 }],
          requestsOk: null,
          requestsFailed: null,
        },
  error: null,
});

const start = 'POST /pods/shop.cart/migrations';

test('a plan names each item once, with its id, its end and what becomes of it', async () => {
  const { socket, requests } = await fakeAgent({ [start]: { body: plan } });
  const { code, stdout } = await podlane(
    ...['migrate', 'shop.cart', 'veth', '--dry-run', '--socket', socket],
  );
  expect(code).toBe(0);
  expect(JSON.parse(requests[0]?.body ?? '')).toEqual({ to: 'veth', recreate: false, dryRun: true });
  expect(stdout).toContain(
    [
      'NOT CARRIED OVER',
      "lost     'pod/traffic class/1:10'",
      '         traffic class of the interface in the pod: class htb 1:10 rate 1Gbit',
      '         a new veth device does not take it on this kernel',
      'unknown  host/socket/7',
      '         socket of the interface on the host: raw sockets',
      '         this kernel does not report whether they are bound to the interface',
      '1 to be accepted: --accept ID for each, or --accept-all',
    ].join('\n'),
  );
  expect(stdout.match(/class htb 1:10/g)).toHaveLength(1);
  const json = await podlane(...['migrate', 'shop.cart', 'veth', '--dry-run', '--json', '--socket', socket]);
  expect(JSON.parse(json.stdout)).toEqual(plan);
});

test('what was not accepted is listed with ids and with what to do', async () => {
  const refusal = new ProblemError('loss_not_accepted', 'migrate shop/cart to veth: one thing …', {
    errors: [{ path: 'pod/traffic class/1:10', message: 'class htb 1:10: the veth does not take it' }],
    hint: 'send their ids in `accept`',
  }).toProblem();
  const { socket } = await fakeAgent({ [start]: { status: 409, body: refusal } });
  expect(await podlane('migrate', 'shop.cart', 'veth', '--socket', socket)).toEqual({
    code: 1,
    stdout: '',
    stderr: [
      'podlane: The migration would lose something that was not accepted (loss_not_accepted)',
      '  this item is not carried over as it is, and nothing was changed',
      '  pod/traffic class/1:10: class htb 1:10: the veth does not take it',
      "  accept each with --accept ID, e.g. --accept 'pod/traffic class/1:10', or all with --accept-all; --dry-run shows the plan",
      '',
    ].join('\n'),
  });
});

test('accepted ids are sent, and the result is awaited', async () => {
  const { socket, requests } = await fakeAgent({
    [start]: { status: 202, body: migration('running') },
    'GET /migrations/m': { body: migration('done') },
  });
  const ended = await podlane(
    ...['migrate', 'shop.cart', 'veth', '--accept', 'a b', '--accept', 'c', '--socket', socket],
  );
  expect(ended).toMatchObject({ code: 0, stdout: expect.stringContaining('kernel drops  NO_SOCKET 2') });
  expect(JSON.parse(requests[0]?.body ?? '')).toMatchObject({ accept: ['a b', 'c'] });
  await podlane('migrate', 'shop.cart', 'veth', '--accept-all', '--socket', socket);
  expect(JSON.parse(requests[2]?.body ?? '')).toMatchObject({ accept: ['*'] });
});

test('a migration that was undone exits with 1 and says where it failed', async () => {
  const { title, status, code, detail } = new ProblemError(
    'migration_failed',
    'compare pl3: a route',
  ).toProblem();
  const undone: Migration = {
    ...migration('undone'),
    error: { type: 'about:blank', title, status, code, detail, step: 'drained' },
  };
  const { socket } = await fakeAgent({ [start]: { status: 202, body: undone } });
  expect(await podlane('migrate', 'shop.cart', 'veth', '--socket', socket)).toMatchObject({
    code: 1,
    stdout: expect.stringContaining('undone at drained'),
    stderr: expect.stringContaining('migration 12 is undone, at drained: compare pl3: a route'),
  });
  expect(await podlane('migrate', 'shop.cart', 'bond', '--socket', socket)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('bond: not a kind of device'),
  });
});

test('a batch sends what happens at a loss, and prints the pods that it refuses', async () => {
  const refused = member('cart', {
    state: 'refused',
    code: 'loss_not_accepted',
    reason: 'class htb 1:10: lost',
  });
  const batch: Batch = newBatch('b', [member('web', { state: 'done' }), refused], {
    number: 3,
    state: 'done',
    onLoss: 'accept',
  });
  const { socket, requests } = await fakeAgent({ 'POST /batches': { status: 202, body: batch } });
  const { code, stdout } = await podlane(
    ...['batch', 'veth', '--selector', 'app=cart,tier=', '--on-loss', 'accept', '--socket', socket],
  );
  expect(code).toBe(0);
  expect(JSON.parse(requests[0]?.body ?? '')).toMatchObject({
    to: 'veth',
    selector: { app: 'cart', tier: '' },
    onLoss: 'accept',
    onUnhealthy: 'pause',
  });
  expect(stdout).toMatch(/shop\.cart +netkit +refused +loss_not_accepted +class htb 1:10: lost/);
  expect(await podlane('batch', 'veth', '--on-loss', 'perhaps', '--all', '--socket', socket)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('onLoss'),
  });
});

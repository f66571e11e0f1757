import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Batch, BatchPlan, BatchSummary, NewBatchInput } from '../../../contract/batch.ts';
import type { AgentEvent } from '../../../contract/event.ts';
import type { Migration, MigrationPlan } from '../../../contract/migration.ts';
import type { Pod, PodSummary } from '../../../contract/pod.ts';
import { expectNoLeaks } from '../../testbed/leak-check.ts';
import { addPods, runBatch, unreachablePods, waitForBatchEnd } from '../../testbed/many-pods.ts';
import { ping, startTestNode, type TestNode } from '../../testbed/node.ts';

const count = 8;
let node: TestNode;
let pods: Pod[];
beforeAll(async () => {
  node = await startTestNode();
  pods = await addPods(node, count);
});
afterAll(() => node?.[Symbol.asyncDispose]());

const again = { to: 'veth', recreate: true, settleMs: 300 } as const;
const named = (...indexes: number[]): string[] => indexes.map((index) => `shop.many-${index}`);
const plan = (wanted: NewBatchInput): Promise<BatchPlan> =>
  node.ask('POST', '/batches', { ...wanted, dryRun: true });
const act = (id: string, verb: string, body?: object): Promise<Batch> =>
  node.ask('POST', `/batches/${id}/${verb}`, body);
const events = async (): Promise<string[]> =>
  (await node.ask<{ items: AgentEvent[] }>('GET', '/events?limit=500')).items
    .filter(({ type }) => type.startsWith('batch.'))
    .map(({ type, message }) => `${type}: ${message}`);
const slots = async (): Promise<number[]> =>
  (await node.ask<{ items: PodSummary[] }>('GET', '/pods')).items.map(({ slot }) => slot);

/** The step that the migration of the batch's first pod is in. */
async function stepOf(id: string): Promise<string | undefined> {
  const { pods: members } = await node.ask<Batch>('GET', `/batches/${id}`);
  const migrationId = members[0]?.migrationId;
  if (!migrationId) return undefined;
  const { steps } = await node.ask<Migration>('GET', `/migrations/${migrationId}`);
  return steps.find(({ state }) => state === 'running')?.step;
}

/** Makes the next migrations of the pod fail: the names their peers would get are taken, which no check looks for. */
async function spoil(index: number): Promise<() => void> {
  const { to } = await node.ask<MigrationPlan>('POST', `/pods/shop.many-${index}/migrations`, {
    to: 'veth',
    recreate: true,
    dryRun: true,
  });
  const ip = (words: string): string =>
    node.run(['ip', 'link', ...words.split(' ')], pods[index]!.netns.path);
  const taken = Array.from({ length: 6 }, (_, i) => to.slot + 2 * i);
  for (const slot of taken) ip(`add pn${slot} type veth peer name pn${slot + 1}`);
  return () => {
    for (const slot of taken) ip(`delete pn${slot}`);
  };
}

describe('the plan', () => {
  test('names what is skipped and what is refused, and changes nothing', async () => {
    const before = await slots();
    const skipping = await plan({ all: true, to: 'veth' });
    expect(skipping).toMatchObject({ allowed: false, counts: { skipped: count, waiting: 0 } });
    expect(skipping.pods[0]).toMatchObject({ state: 'skipped', code: 'already_on_kind' });
    const refusing = await plan({ all: true, to: 'netkit' });
    expect(refusing.pods[0]).toMatchObject({ state: 'refused', code: 'no_netkit' });
    expect(await plan({ pods: named(1, 0, 1), ...again })).toMatchObject({
      allowed: true,
      slots: { needed: 2 },
      pods: [{ name: 'many-1', state: 'waiting' }, { name: 'many-0' }],
    });
    expect(await slots()).toEqual(before);
  });

  test.each<[string, object, string]>([
    ['nothing chosen', { to: 'veth' }, 'bad_request'],
    ['two choices', { all: true, selector: { app: 'x' }, to: 'veth' }, 'bad_request'],
    ['an empty selector', { selector: {}, to: 'veth' }, 'bad_request'],
    ['no parallelism', { all: true, ...again, parallelism: 0 }, 'bad_request'],
    ['too much of it', { all: true, ...again, parallelism: 33 }, 'bad_request'],
    ['a kind there is none of', { all: true, to: 'ipvlan' }, 'bad_request'],
    ['a pod there is none of', { pods: ['shop.never', 'shop.many-0'], ...again }, 'pod_not_found'],
    ['labels that no pod has', { selector: { app: 'none' }, ...again }, 'nothing_to_move'],
    ['pods that are all there', { all: true, to: 'veth' }, 'nothing_to_move'],
  ])('%s is refused and changes nothing', async (_, body, code) => {
    const before = [await slots(), await events()];
    await expect(node.ask('POST', '/batches', body)).rejects.toMatchObject({ code });
    expect([await slots(), await events()]).toEqual(before);
  });

  test('a batch that does not exist, and one that has ended', async () => {
    await expect(act('none', 'pause')).rejects.toMatchObject({ code: 'batch_not_found' });
    const { id } = await runBatch(node, { pods: named(0), ...again });
    await expect(act(id, 'resume', {})).rejects.toMatchObject({ code: 'batch_ended' });
  });
});

test('the pods of a selector migrate with the requested parallelism, and no packet is lost', async () => {
  const labelled = await node.addPod('labelled', '10.42.1.1/32', { labels: { app: 'cart', tier: 'web' } });
  const before = await slots();
  const pinging = ping(pods[0]!.netns.path, '10.42.1.1', 500);
  const batch = await runBatch(node, { selector: { app: 'cart' }, ...again });
  expect(batch).toMatchObject({ state: 'done', counts: { done: 1 }, actor: 'local' });
  expect(batch.pods).toMatchObject([{ name: 'labelled', moved: true, state: 'done' }]);
  const migration = await node.ask<Migration>('GET', `/migrations/${batch.pods[0]?.migrationId}`);
  expect(migration).toMatchObject({ podId: labelled.id, actor: `local, batch ${batch.number}` });
  expect(await pinging).toMatchObject({ sent: 500, lost: 0 });
  expect((await slots()).filter((slot) => !before.includes(slot))).toHaveLength(1);
  await node.ask('DELETE', '/pods/shop.labelled');
  await node.removeNamespace('labelled');
});

test('the whole node migrates, at most three pods and one batch at a time', async () => {
  const started = node.ask<Batch>('POST', '/batches', { all: true, ...again, parallelism: 3 });
  const { id } = await started;
  await expect(node.ask('POST', '/batches', { all: true, ...again })).rejects.toMatchObject({
    code: 'batch_running',
  });
  let most = 0;
  const done = waitForBatchEnd(node, id);
  for (let ended = false; !ended; ) {
    const { counts, endedAt } = await node.ask<Batch>('GET', `/batches/${id}`);
    most = Math.max(most, counts.running + counts.watched);
    ended = endedAt !== null;
    await sleep(10);
  }
  expect(most).toBe(3);
  expect(await done).toMatchObject({ state: 'done', counts: { done: count } });
  expect(unreachablePods(node, count)).toEqual([]);
  await expectNoLeaks(node, count);
  const { items } = await node.ask<{ items: BatchSummary[] }>('GET', '/batches?limit=1');
  expect(items).toMatchObject([{ id, state: 'done', counts: { done: count } }]);
  expect((await events()).slice(0, 2)).toEqual([
    expect.stringContaining(`${count} moved`),
    expect.stringContaining(`local started batch`),
  ]);
});

/** Migrates the first pod by itself, which ends what a batch found wrong with it. */
async function clearUnhealthy(): Promise<void> {
  expect((await node.ask<Pod>('GET', '/pods/shop.many-0')).attention).toHaveLength(1);
  expect(await node.migrate('shop.many-0', 'veth', true)).toMatchObject({ state: 'done' });
  await expect
    .poll(async () => (await node.ask<Pod>('GET', '/pods/shop.many-0')).attention, { timeout: 5000 })
    .toEqual([]);
}

describe('the first unhealthy pod', () => {
  test('pauses the batch: migrations in progress finish, none starts; resumed, the pod is retried', async () => {
    const mend = await spoil(1);
    const paused = await runBatch(node, { pods: named(0, 1, 2, 3, 4, 5), ...again, parallelism: 2 });
    expect(paused).toMatchObject({ state: 'paused', endedAt: null, counts: { unhealthy: 1 } });
    expect(paused.reason).toMatch(/^shop\/many-1: undone at made: .*EEXIST/);
    expect(paused.pods[1]).toMatchObject({ state: 'unhealthy', moved: false, code: 'kernel_refused' });
    // The one beside it was ended; one more may have begun before the failure.
    expect(paused.pods[0]).toMatchObject({ state: 'done' });
    expect(paused.counts.waiting).toBeGreaterThanOrEqual(3);
    await sleep(500);
    expect(await node.ask('GET', `/batches/${paused.id}`)).toEqual(paused);
    expect((await node.ask<Pod>('GET', '/pods/shop.many-1')).attention).toEqual([
      `unhealthy after batch ${paused.number} to ${paused.to}: ${paused.pods[1]?.reason}`,
    ]);
    mend();
    await act(paused.id, 'resume', { unhealthy: 'retry' });
    expect(await waitForBatchEnd(node, paused.id)).toMatchObject({ state: 'done', counts: { done: 6 } });
    await expectNoLeaks(node, count);
  });

  test('is skipped when the batch is resumed with skip, and stays unchanged', async () => {
    const mend = await spoil(0);
    const { id } = await runBatch(node, { pods: named(0, 1), ...again, parallelism: 1 });
    await act(id, 'resume', { unhealthy: 'skip' });
    const done = await waitForBatchEnd(node, id);
    expect(done).toMatchObject({ state: 'done', counts: { done: 1, unhealthy: 1 } });
    mend();
    await clearUnhealthy();
    await expectNoLeaks(node, count);
  });

  test('stops the batch for good with onUnhealthy stop', async () => {
    const mend = await spoil(0);
    const stopped = await runBatch(node, {
      pods: named(0, 1, 2),
      ...again,
      parallelism: 1,
      onUnhealthy: 'stop',
    });
    expect(stopped).toMatchObject({ state: 'stopped', counts: { unhealthy: 1, waiting: 2 } });
    expect(stopped.endedAt).not.toBeNull();
    await expect(act(stopped.id, 'resume', {})).rejects.toMatchObject({ code: 'batch_ended' });
    mend();
    await clearUnhealthy();
  });

  test('is also a pod whose traffic stops after its migration', async () => {
    const path = pods[7]!.netns.path;
    const pinger = spawn('nsenter', [`--net=${path}`, 'ping', '-q', '-i', '0.005', '10.43.0.0']);
    const { id } = await node.ask<Batch>('POST', '/batches', {
      pods: named(0, 1),
      ...again,
      settleMs: 500,
      parallelism: 1,
    });
    // By then it has been seen on the new device.
    await expect.poll(() => stepOf(id), { interval: 5 }).toBe('drained');
    await sleep(50);
    pinger.kill();
    const paused = await waitForBatchEnd(node, id);
    expect(paused).toMatchObject({ state: 'paused', counts: { unhealthy: 1, waiting: 1 } });
    expect(paused.pods[0]).toMatchObject({ moved: true, code: null });
    expect(paused.reason).toMatch(/^shop\/many-0: no packet (left|reached) the pod for \d+ ms after/);
    const fault = [
      expect.objectContaining({ message: expect.stringContaining(`${paused.pods[0]?.reason}`) }),
    ];
    expect((await node.ask<Pod>('GET', '/pods/shop.many-0')).conditions).toEqual(fault);
    await act(paused.id, 'stop');
    await node.killAgent();
    await node.startAgent();
    expect((await node.ask<Pod>('GET', '/pods/shop.many-0')).conditions).toEqual(fault);
    await clearUnhealthy();
  });
});

test('a user pauses and stops a batch, and is named in it', async () => {
  const { id, number } = await node.ask<Batch>('POST', '/batches', { all: true, ...again, parallelism: 2 });
  await sleep(500);
  expect(await act(id, 'pause')).toMatchObject({ state: 'paused', reason: 'local paused it' });
  const { counts } = await waitForBatchEnd(node, id);
  expect(counts.waiting).toBeGreaterThan(0);
  const stopped = await act(id, 'stop');
  expect(stopped).toMatchObject({ state: 'stopped', counts });
  expect(stopped.endedAt).not.toBeNull();
  expect((await events()).slice(0, 2)).toEqual([
    `batch.stopped: local stopped batch ${number}`,
    `batch.paused: local paused batch ${number}`,
  ]);
});

test.each([400, 700, 1000])(
  'after an agent was killed %i ms into it, it is interrupted, says which pods moved, and can be resumed',
  async (after) => {
    const before = new Map(
      (await node.ask<{ items: PodSummary[] }>('GET', '/pods')).items.map(({ id, slot }) => [id, slot]),
    );
    const pinging = ping(pods[0]!.netns.path, '10.43.0.1', 1500);
    const { id } = await node.ask<Batch>('POST', '/batches', { all: true, ...again, parallelism: 2 });
    await sleep(after);
    await node.killAgent();
    await node.startAgent();
    const found = await node.ask<Batch>('GET', `/batches/${id}`);
    expect(found).toMatchObject({ state: 'interrupted', counts: { running: 0, watched: 0 } });
    for (const pod of found.pods) {
      const { slot } = await node.ask<Pod>('GET', `/pods/${pod.podId}`);
      expect([pod.name, slot !== before.get(pod.podId)]).toEqual([pod.name, pod.moved]);
    }
    await sleep(300);
    expect(await node.ask('GET', `/batches/${id}`)).toEqual(found);
    await act(id, 'resume', {});
    const done = await waitForBatchEnd(node, id);
    expect(done, JSON.stringify(done.pods)).toMatchObject({ state: 'done', counts: { done: count } });
    expect(await pinging).toMatchObject({ sent: 1500, lost: 0 });
    await expectNoLeaks(node, count);
  },
);

test('an agent that is stopped leaves it interrupted, nothing half done', async () => {
  const { id } = await node.ask<Batch>('POST', '/batches', { all: true, ...again, parallelism: 2 });
  await sleep(500);
  await node.stopAgent();
  await node.startAgent();
  const found = await node.ask<Batch>('GET', `/batches/${id}`);
  expect(found).toMatchObject({ state: 'interrupted', counts: { running: 0, watched: 0, unhealthy: 0 } });
  await act(id, 'stop');
  await expectNoLeaks(node, count);
});

import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { AgentEvent } from '../../../contract/agent-event.ts';
import type { Batch, BatchPlan, BatchSummary, NewBatchInput } from '../../../contract/batch.ts';
import type { Migration } from '../../../contract/migration.ts';
import type { Pod, PodSummary } from '../../../contract/pod.ts';
import { deleteLink, listLinks } from '../../../server/netlink/link.ts';
import { NetlinkSocket } from '../../../server/netlink/socket.ts';
import { expectNoLeaks } from '../../testbed/leak-check.ts';
import {
  addPods,
  pingUntilAborted,
  runBatch,
  unreachablePods,
  waitForBatchEnd,
} from '../../testbed/many-pods.ts';
import { startTestNode, type TestNode } from '../../testbed/node.ts';

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

/** Pings from the first pod every 2 ms, as long as the batch needs: a pod without packets would be unhealthy. */
function startPing(address: string): { stop(): Promise<{ sent: number; lost: number }> } {
  const end = new AbortController();
  onTestFinished(() => end.abort());
  const pinging = pingUntilAborted(end.signal, pods[0]!.netns.path, address, 2);
  return {
    stop() {
      end.abort();
      return pinging;
    },
  };
}

/** The step that the migration of the batch's first pod is in. */
async function stepOf(id: string): Promise<string | undefined> {
  const { pods: members } = await node.ask<Batch>('GET', `/batches/${id}`);
  const migrationId = members[0]?.migrationId;
  if (!migrationId) return undefined;
  const { steps } = await node.ask<Migration>('GET', `/migrations/${migrationId}`);
  return steps.find(({ state }) => state === 'running')?.step;
}

/**
 * Makes the next migrations of the pod fail, as a pod with CAP_NET_ADMIN can: it deletes each new interface that it
 * gets.
 */
async function spoil(index: number): Promise<() => Promise<void>> {
  const socket = NetlinkSocket.inNamespace(pods[index]!.netns.path);
  const before = new Set((await listLinks(socket)).map(({ ifindex }) => ifindex));
  let ended = false;
  const deleting = (async () => {
    while (!ended) {
      for (const { ifindex } of await listLinks(socket))
        if (!before.has(ifindex)) await deleteLink(socket, ifindex).catch(() => {});
      await sleep(1);
    }
  })();
  const mend = async (): Promise<void> => {
    ended = true;
    await deleting;
    socket[Symbol.dispose]();
  };
  // Also where the test fails, so that the others do not.
  onTestFinished(mend);
  return mend;
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
  const pinging = startPing('10.42.1.1');
  const batch = await runBatch(node, { selector: { app: 'cart' }, ...again });
  expect(batch).toMatchObject({ state: 'done', counts: { done: 1 }, actor: 'local' });
  expect(batch.pods).toMatchObject([{ name: 'labelled', moved: true, state: 'done' }]);
  const migration = await node.ask<Migration>('GET', `/migrations/${batch.pods[0]?.migrationId}`);
  expect(migration).toMatchObject({ podId: labelled.id, actor: `local, batch ${batch.number}` });
  expect(await pinging.stop()).toMatchObject({ lost: 0 });
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
    expect(paused.reason).toMatch(/^shop\/many-1: undone at \w+: /);
    expect(paused.pods[1]).toMatchObject({ state: 'unhealthy', moved: false, code: expect.any(String) });
    // The one beside it was ended; one more may have begun before the failure.
    expect(paused.pods[0]).toMatchObject({ state: 'done' });
    expect(paused.counts.waiting).toBeGreaterThanOrEqual(3);
    await sleep(500);
    expect(await node.ask('GET', `/batches/${paused.id}`)).toEqual(paused);
    expect((await node.ask<Pod>('GET', '/pods/shop.many-1')).attention).toEqual([
      `unhealthy after batch ${paused.number} to ${paused.to}: ${paused.pods[1]?.reason}`,
    ]);
    await mend();
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
    await mend();
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
    await mend();
    await clearUnhealthy();
  });

  test('is also a pod whose traffic stops after its migration', async () => {
    const path = pods[7]!.netns.path;
    const pinger = spawn('nsenter', [`--net=${path}`, 'ping', '-q', '-i', '0.005', '10.43.0.0']);
    onTestFinished(() => void pinger.kill());
    const { id } = await node.ask<Batch>('POST', '/batches', {
      pods: named(0, 1),
      ...again,
      settleMs: 500,
      parallelism: 1,
    });
    onTestFinished(async () => {
      await act(id, 'stop').catch(() => {}); // so that the tests that follow can begin one
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
    const pinging = startPing('10.43.0.1');
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
    expect(await pinging.stop()).toMatchObject({ lost: 0 });
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

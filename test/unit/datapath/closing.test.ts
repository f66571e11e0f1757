import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { expect, test, vi } from 'vitest';
import type { Batch } from '../../../contract/batch.ts';
import { TaskScope } from '../../../server/async/task-scope.ts';
import { BatchExecutor } from '../../../server/datapath/batch/batch-executor.ts';
import type { DatapathContext } from '../../../server/datapath/datapath-context.ts';
import { createLivePod, type LivePod, PodRegistry } from '../../../server/datapath/pod-registry.ts';
import { PodReconciler } from '../../../server/datapath/reconcile/reconciler.ts';
import type { PodRecord } from '../../../server/store/records.ts';

const record = {
  id: 'p1',
  number: 1,
  namespace: 'shop',
  name: 'cart',
  labels: {},
  netnsPath: '/run/netns/none-of-this-name',
  netnsInode: 1n,
  network: { addresses: [] },
  carried: [],
} as unknown as PodRecord;

/** A context of which only the store and the counters are used; there is no kernel behind it. */
function fakeContext() {
  const registry = new PodRegistry();
  const pod = createLivePod(record, []);
  registry.add(pod);
  const context = {
    kernel: {
      programs: { counters: { read: vi.fn(() => []) }, setPacketChecks: vi.fn() },
      userPins: { of: () => [] },
    },
    store: {
      removePod: vi.fn(async (_id: string) => undefined),
      saveSetting: vi.fn(async () => undefined),
      saveBatch: vi.fn(async () => undefined),
      saveBatchPod: vi.fn(async () => undefined),
    },
    registry,
    slots: { release: () => undefined },
    rules: null,
    log: pino({ level: 'silent' }),
    publish: { pod: vi.fn(), removed: vi.fn(), migration: vi.fn(), event: vi.fn(async () => undefined) },
  };
  return { context, pod, datapath: context as unknown as DatapathContext };
}

test('closing the reconciler waits for the pod that is being reconciled', async () => {
  const { context, pod, datapath } = fakeContext();
  const { promise, resolve } = Promise.withResolvers<undefined>();
  context.store.removePod.mockReturnValue(promise);
  const reconciler = new PodReconciler(datapath);
  reconciler.enqueue(pod);
  await vi.waitFor(() => expect(context.store.removePod).toHaveBeenCalled());
  expect(pod.activity.type).toBe('repairing');
  let closed = false;
  const closing = reconciler.close().then(() => {
    closed = true;
  });
  await sleep(20);
  expect(closed).toBe(false);
  resolve(undefined);
  await closing;
  expect(pod.activity.type).toBe('gone');
  expect(context.publish.removed).toHaveBeenCalledTimes(1);
});

test('a closed reconciler touches no pod, whatever was enqueued before or is after', async () => {
  const { context, pod, datapath } = fakeContext();
  const reconciler = new PodReconciler(datapath);
  reconciler.enqueue(pod);
  await reconciler.close();
  reconciler.enqueue(pod);
  reconciler.afterMigration(pod);
  await sleep(500);
  expect(pod.activity.type).toBe('idle');
  expect(context.store.removePod).not.toHaveBeenCalled();
});

/** A batch of one waiting pod. */
function executorOf(datapath: DatapathContext, pod: LivePod) {
  const scope = new TaskScope(() => expect.unreachable());
  const migrations = { start: vi.fn(), finished: vi.fn() };
  const batch = {
    id: 'b1',
    number: 1,
    to: 'veth',
    recreate: true,
    parallelism: 1,
    onUnhealthy: 'pause',
    settleMs: 5,
    state: 'running',
    endedAt: null,
    counts: { waiting: 1, running: 0, watched: 0, done: 0, unhealthy: 0, skipped: 0, refused: 0 },
    pods: [{ podId: pod.record.id, namespace: 'shop', name: 'cart', state: 'waiting' }],
  } as unknown as Batch;
  const executor = new BatchExecutor(
    datapath,
    migrations,
    { batch: () => undefined, pod: () => undefined },
    batch,
    scope,
  );
  return { executor, migrations, scope };
}

test.each(['stopped', 'paused'] as const)(
  'a batch that is %s while it starts reads no pod and moves none',
  async (state) => {
    const { context, pod, datapath } = fakeContext();
    pod.devices = [{ slot: 3 }] as unknown as LivePod['devices'];
    const { executor, migrations, scope } = executorOf(datapath, pod);
    const { promise, resolve } = Promise.withResolvers<undefined>();
    context.store.saveBatch.mockReturnValueOnce(promise);
    const starting = executor.run('batch.started', 'started');
    await executor.setState(state, null, `batch.${state}`, state);
    resolve(undefined);
    await starting;
    await sleep(50);
    expect(executor.batch.state).toBe(state);
    expect(context.kernel.programs.counters.read).not.toHaveBeenCalled();
    expect(migrations.start).not.toHaveBeenCalled();
    await scope.close();
  },
);

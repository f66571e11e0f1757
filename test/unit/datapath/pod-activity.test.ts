import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { problemDefinitions } from '../../../contract/problem.ts';
import {
  findBlockingActivity,
  isPodIdle,
  type PodActivity,
  type PodWithActivity,
  runningMigrationId,
  type StartablePodActivity,
  tryWithPod,
  withPod,
} from '../../../server/datapath/pod-activity.ts';

const idlePod = (): PodWithActivity => ({ activity: { type: 'idle' } });
const problemOf = async (work: Promise<unknown>) =>
  work.then(
    () => 'done',
    (error) => error.toProblem(),
  );

/** Every activity that may hold a pod, with the code and the clause of the refusal. */
const held: [StartablePodActivity, PodActivity | null, string, RegExp][] = [
  [{ type: 'attaching' }, null, 'pod_busy', /: it is being attached$/],
  [{ type: 'planning' }, null, 'migration_running', /: a migration of it is being planned$/],
  [
    { type: 'planning' },
    { type: 'migrating', migrationId: 'm7' },
    'migration_running',
    /: migration m7 is running$/,
  ],
  [{ type: 'moving-hooks' }, null, 'pod_busy', /: its programs are being moved to other hooks$/],
  [{ type: 'changing-programs' }, null, 'pod_busy', /: a program is being attached to it or detached/],
  [{ type: 'detaching' }, null, 'pod_gone', /: it is being detached$/],
  [{ type: 'detaching' }, { type: 'gone' }, 'pod_gone', /: it is gone$/],
];

describe('a pod has one activity', () => {
  test.each(held)('%o, then %o, refuses all others with 409 %s', async (activity, next, code, clause) => {
    const pod = idlePod();
    const { promise, resolve } = Promise.withResolvers<void>();
    const holding = withPod(pod, activity, 'hold shop/cart', async (enter) => {
      if (next) enter(next);
      await promise;
    });
    // Held from the call on, before anything is awaited.
    expect(pod.activity).toEqual(next ?? activity);
    const refused = await problemOf(
      withPod(pod, { type: 'planning' }, 'migrate shop/cart to veth', async () => expect.unreachable()),
    );
    expect(refused).toMatchObject({ status: 409, code });
    expect(refused.detail).toMatch(/^migrate shop\/cart to veth: /);
    expect(refused.detail).toMatch(clause);
    expect(findBlockingActivity(pod)).toMatchObject({ code });
    expect(await tryWithPod(pod, { type: 'repairing' }, async () => expect.unreachable())).toBe(false);
    resolve();
    await holding;
    expect(pod.activity.type).toBe(next?.type === 'gone' ? 'gone' : 'idle');
  });

  test('of many calls at once, one is done', async () => {
    const pod = idlePod();
    let done = 0;
    const calls = Array.from({ length: 50 }, () =>
      withPod(pod, { type: 'planning' }, 'migrate', async () => {
        done++;
        await sleep(1);
      }),
    );
    const outcomes = await Promise.allSettled(calls);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(done).toBe(1);
    expect(isPodIdle(pod)).toBe(true);
  });
});

describe('a repair', () => {
  test('is waited for, whether it succeeds or fails', async () => {
    for (const failure of [null, new Error('EBUSY')]) {
      const pod = idlePod();
      const seen: string[] = [];
      const repairing = tryWithPod(pod, { type: 'repairing' }, async () => {
        await sleep(5);
        seen.push('repaired');
        if (failure) throw failure;
      });
      expect(findBlockingActivity(pod)).toBeNull();
      const moved = withPod(pod, { type: 'moving-hooks' }, 'move', async () => seen.push('moved'));
      await Promise.allSettled([repairing, moved]);
      await moved;
      expect(seen).toEqual(['repaired', 'moved']);
    }
  });

  test('that finds the pod gone refuses those that wait for it', async () => {
    const pod = idlePod();
    const repairing = tryWithPod(pod, { type: 'repairing' }, async (enter) => {
      await sleep(1);
      enter({ type: 'gone' });
    });
    const detaching = problemOf(withPod(pod, { type: 'detaching' }, 'detach', async () => undefined));
    await repairing;
    expect(await detaching).toMatchObject({ code: 'pod_gone', status: 409 });
  });
});

test('a failure, even a synchronous one, leaves the pod idle', async () => {
  const pod = idlePod();
  const fail = (): Promise<void> => {
    throw new Error('refused');
  };
  await expect(withPod(pod, { type: 'planning' }, 'migrate', fail)).rejects.toThrow('refused');
  expect(isPodIdle(pod)).toBe(true);
  await expect(withPod(pod, { type: 'planning' }, 'migrate', async () => 'again')).resolves.toBe('again');
});

test('only a migration that has a journal has an id', () => {
  const id = (activity: PodActivity): string | null => runningMigrationId({ activity });
  expect(id({ type: 'planning' })).toBeNull();
  expect(id({ type: 'migrating', migrationId: 'm1' })).toBe('m1');
  for (const type of ['idle', 'attaching', 'repairing', 'detaching', 'gone'] as const)
    expect(id({ type })).toBeNull();
});

test('every code of a refusal answers 409', () => {
  for (const code of ['pod_busy', 'pod_gone', 'migration_running'] as const)
    expect(problemDefinitions[code].status).toBe(409);
});

import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import { TaskScope } from '../../../server/async/task-scope.ts';

test('close aborts the signal and waits for all that was started', async () => {
  const scope = new TaskScope(() => expect.unreachable());
  const ended: string[] = [];
  scope.start(async (signal) => {
    await sleep(60_000, undefined, { signal }).catch(() => undefined);
    await sleep(5);
    ended.push('started');
  });
  const awaited = scope.run(async () => {
    await sleep(10);
    ended.push('run');
    return 42;
  });
  await scope.close();
  expect(ended).toEqual(['started', 'run']);
  await expect(awaited).resolves.toBe(42);
});

test('a closed scope starts nothing', async () => {
  const scope = new TaskScope(() => expect.unreachable());
  const work = vi.fn();
  const timer = scope.after(1, work);
  scope.every(1, work);
  await scope.close();
  scope.start(work);
  scope.after(0, work);
  await expect(scope.run(work)).rejects.toThrow('aborted');
  await sleep(10);
  expect(work).not.toHaveBeenCalled();
  timer.cancel();
});

test('errors of work that nobody awaits are reported, aborts by close are not', async () => {
  const errors: unknown[] = [];
  const scope = new TaskScope((error) => errors.push(error));
  scope.start(() => {
    throw new Error('thrown');
  });
  scope.start(() => Promise.reject(new Error('rejected')));
  scope.start((signal) => sleep(60_000, undefined, { signal }));
  await sleep(1);
  await scope.close();
  expect(errors.map(String)).toEqual(['Error: thrown', 'Error: rejected']);
});

test('a cancelled timer does not fire', async () => {
  const scope = new TaskScope(() => expect.unreachable());
  const work = vi.fn();
  scope.after(1, work).cancel();
  scope.every(1, work).cancel();
  await sleep(10);
  expect(work).not.toHaveBeenCalled();
  await scope.close();
});

test('a series waits for the work before, goes on after a failure and ends with the scope', async () => {
  const errors: unknown[] = [];
  const scope = new TaskScope((error) => errors.push(error));
  let [calls, running] = [0, 0];
  scope.every(
    () => 1,
    async () => {
      expect(++running).toBe(1);
      calls++;
      await sleep(3);
      running--;
      if (calls === 2) throw new Error('second');
    },
  );
  await vi.waitFor(() => expect(calls).toBeGreaterThan(3));
  await scope.close();
  const before = calls;
  await sleep(20);
  expect(calls).toBe(before);
  expect(running).toBe(0);
  expect(errors.map(String)).toEqual(['Error: second']);
});

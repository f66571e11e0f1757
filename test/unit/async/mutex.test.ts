import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Mutex } from '../../../server/async/mutex.ts';
import { Semaphore } from '../../../server/async/semaphore.ts';

test('a mutex runs one work at a time, in the order of the calls', async () => {
  const mutex = new Mutex();
  const seen: string[] = [];
  const work = (name: string, ms: number) => async () => {
    seen.push(`${name} begins`);
    await sleep(ms);
    seen.push(`${name} ends`);
    return name;
  };
  const results = await Promise.all([mutex.run(work('a', 5)), mutex.run(work('b', 0)), mutex.run(() => 'c')]);
  expect(results).toEqual(['a', 'b', 'c']);
  expect(seen).toEqual(['a begins', 'a ends', 'b begins', 'b ends']);
});

test('a failure reaches its caller and does not stop the next work', async () => {
  const mutex = new Mutex();
  const failing = mutex.run(() => Promise.reject(new Error('disk full')));
  const next = mutex.run(() => 'next');
  await expect(failing).rejects.toThrow('disk full');
  await expect(next).resolves.toBe('next');
});

test('idle waits for work that is added while it waits', async () => {
  const mutex = new Mutex();
  let last = false;
  void mutex.run(async () => {
    await sleep(1);
    void mutex.run(async () => {
      await sleep(1);
      last = true;
    });
  });
  expect(mutex.locked).toBe(true);
  await mutex.idle();
  expect(last).toBe(true);
  expect(mutex.locked).toBe(false);
});

test('a semaphore never runs more than its limit, and all of it', async () => {
  const semaphore = new Semaphore(3);
  let [running, most, done] = [0, 0, 0];
  const all = Array.from({ length: 20 }, (_, i) =>
    semaphore.run(async () => {
      most = Math.max(most, ++running);
      await sleep(i % 3);
      running--;
      done++;
      if (i === 7) throw new Error('seven');
    }),
  );
  const failed = (await Promise.allSettled(all)).filter(({ status }) => status === 'rejected');
  expect({ most, done, failed: failed.length }).toEqual({ most: 3, done: 20, failed: 1 });
  await expect(semaphore.run(() => 'free')).resolves.toBe('free');
});

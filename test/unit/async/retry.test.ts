import { expect, test, vi } from 'vitest';
import { retryWithPause } from '../../../server/async/retry.ts';
import { singleFlight } from '../../../server/async/single-flight.ts';

test('retry returns the first success', async () => {
  const work = vi.fn(async (attempt: number) => {
    if (attempt < 3) throw new Error(`attempt ${attempt}`);
    return attempt;
  });
  await expect(retryWithPause(work, { attempts: 5, pauseMs: 0 })).resolves.toBe(3);
  expect(work).toHaveBeenCalledTimes(3);
});

test('retry throws the last error', async () => {
  const work = vi.fn((attempt: number) => Promise.reject(new Error(`attempt ${attempt}`)));
  await expect(retryWithPause(work, { attempts: 3, pauseMs: 0 })).rejects.toThrow('attempt 3');
});

test('an error that another attempt would not change is thrown at once', async () => {
  const work = vi.fn(() => Promise.reject(new Error('no such device')));
  const retryable = (error: unknown): boolean => !String(error).includes('no such device');
  await expect(retryWithPause(work, { attempts: 3, pauseMs: 0, retryable })).rejects.toThrow(
    'no such device',
  );
  expect(work).toHaveBeenCalledTimes(1);
});

test('an aborted signal ends the pause', async () => {
  const controller = new AbortController();
  const work = vi.fn(() => Promise.reject(new Error('busy')));
  const retried = retryWithPause(work, { attempts: 2, pauseMs: 60_000, signal: controller.signal });
  controller.abort();
  await expect(retried).rejects.toThrow('aborted');
  expect(work).toHaveBeenCalledTimes(1);
});

test('calls made while the work runs share it, a later call runs it again', async () => {
  let runs = 0;
  const read = singleFlight(async () => {
    runs++;
    if (runs === 2) throw new Error('second');
    return runs;
  });
  await expect(Promise.all([read(), read()])).resolves.toEqual([1, 1]);
  await expect(read()).rejects.toThrow('second');
  await expect(read()).resolves.toBe(3);
});

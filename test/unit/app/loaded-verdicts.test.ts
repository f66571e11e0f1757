import { expect, test } from 'vitest';
import {
  addLiveVerdicts,
  addVerdictPage,
  buildVerdictApiQuery,
  maxLoadedVerdicts,
  mergeVerdicts,
  noLoadedVerdicts,
} from '../../../app/_lib/loaded-verdicts.ts';
import type { Verdict, VerdictList, VerdictLosses } from '../../../contract/verdict.ts';

const losses: VerdictLosses = { rateLimited: 0, bufferFull: 0, pushedOut: 0, pods: [] };
const verdicts = (...ids: number[]) => ids.map((id) => ({ id })) as Verdict[];
const page = (ids: number[], next: string | null): VerdictList => ({
  items: verdicts(...ids),
  next,
  size: 10,
  capacity: 100,
  losses,
});
const ids = (items: readonly Verdict[] | null) => items?.map(({ id }) => id);

test('two lists are merged, newest first, each verdict once', () => {
  expect(ids(mergeVerdicts(verdicts(9, 7, 3), verdicts(8, 7, 2)))).toEqual([9, 8, 7, 3, 2]);
  expect(ids(mergeVerdicts([], verdicts(1)))).toEqual([1]);
});

test('verdicts that arrive before the first page are neither lost nor duplicated', () => {
  const early = addLiveVerdicts(noLoadedVerdicts, verdicts(5, 6), losses);
  const read = addVerdictPage(early, page([6, 5, 4], '4'), false);
  expect(ids(read.items)).toEqual([6, 5, 4]);
  expect(read.next).toBe('4');
});

test('older pages continue the list, and the first page read again does not move its end', () => {
  const first = addVerdictPage(noLoadedVerdicts, page([9, 8], '8'), false);
  const second = addVerdictPage(first, page([7, 6], null), true);
  expect(ids(second.items)).toEqual([9, 8, 7, 6]);
  expect(second.next).toBeNull();
  expect(addVerdictPage(second, page([10, 9], '9'), false)).toMatchObject({ next: null });
});

test('after a long interruption the list starts again, without a gap', () => {
  const before = addVerdictPage(noLoadedVerdicts, page([3, 2], '2'), false);
  const after = addVerdictPage(before, page([90, 80], '80'), false);
  expect(ids(after.items)).toEqual([90, 80]);
  expect(after.next).toBe('80');
});

test('the oldest verdicts are removed, and can be read again', () => {
  const full = addVerdictPage(noLoadedVerdicts, page([2, 1], null), false);
  const many = Array.from({ length: maxLoadedVerdicts }, (_, index) => index + 3);
  const log = addLiveVerdicts(full, verdicts(...many), losses);
  expect(log.items).toHaveLength(maxLoadedVerdicts);
  expect(log.next).toBe('3');
});

test('the query of a filter has its non-empty fields', () => {
  expect(buildVerdictApiQuery({ pod: 'shop.cart', port: 80, rule: '', verdict: undefined }).toString()).toBe(
    'pod=shop.cart&port=80',
  );
});

import { expect, test } from 'vitest';
import { verdictDifferences } from '../../../app/rules/_staged/verdict-differences.ts';
import type { Verdict, VerdictKind } from '../../../contract/verdict.ts';

const verdict = (id: number, kind: VerdictKind, rule: string | null, pod: string | null) =>
  ({ id, kind, rule, pod: pod === null ? null : { id: pod, namespace: 'shop', name: pod } }) as Verdict;

test('what a draft would do differently is counted by rule and pod, each with its newest packet', () => {
  const differences = verdictDifferences([
    verdict(6, 'would-drop', 'no-web', 'cart'),
    verdict(5, 'dropped', 'no-web', 'cart'),
    verdict(4, 'would-pass', null, 'cart'),
    verdict(3, 'would-drop', 'no-web', 'cart'),
    verdict(2, 'would-drop', 'no-web', null),
    verdict(1, 'logged', 'watch', 'cart'),
  ]);
  expect(
    differences.map(({ kind, rule, pod, packets, last }) => [kind, rule, pod, packets, last.id]),
  ).toEqual([
    ['would-drop', 'no-web', 'shop.cart', 2, 6],
    ['would-pass', null, 'shop.cart', 1, 4],
    ['would-drop', 'no-web', 'a pod that is gone', 1, 2],
  ]);
});

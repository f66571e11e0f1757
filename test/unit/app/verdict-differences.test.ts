import { expect, test } from 'vitest';
import { groupVerdictDifferences } from '../../../app/rules/_staged/verdict-differences.ts';
import type { Verdict, VerdictKind } from '../../../contract/verdict.ts';

const verdict = (id: number, kind: VerdictKind, rule: string | null, pod: string | null) =>
  ({ id, kind, rule, pod: pod === null ? null : { id: pod, namespace: 'shop', name: pod } }) as Verdict;

test('verdicts that differ under the staged rules are counted by rule and pod, each with its newest packet', () => {
  const differences = groupVerdictDifferences([
    verdict(6, 'staged-deny', 'no-web', 'cart'),
    verdict(5, 'dropped', 'no-web', 'cart'),
    verdict(4, 'staged-allow', null, 'cart'),
    verdict(3, 'staged-deny', 'no-web', 'cart'),
    verdict(2, 'staged-deny', 'no-web', null),
    verdict(1, 'logged', 'watch', 'cart'),
  ]);
  expect(
    differences.map(({ kind, rule, pod, packets, last }) => [kind, rule, pod, packets, last.id]),
  ).toEqual([
    ['staged-deny', 'no-web', 'shop.cart', 2, 6],
    ['staged-allow', null, 'shop.cart', 1, 4],
    ['staged-deny', 'no-web', 'deleted pod', 1, 2],
  ]);
});

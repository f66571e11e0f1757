import { expect, test } from 'vitest';
import { splitGeneratedSuffix, upsertPod } from '../../../app/_lib/pod-queries.ts';
import type { PodSummary } from '../../../contract/pod.ts';

test.each([
  ['cart-7c9d8b6f4-x2kqp', 'cart', '-7c9d8b6f4-x2kqp'],
  ['cilium-envoy-kx8d2', 'cilium-envoy', '-kx8d2'],
  ['report-nightly-29381020-hw8nk', 'report-nightly', '-29381020-hw8nk'],
  ['session-0', 'session-0', ''],
  ['prometheus-k8s-0', 'prometheus-k8s-0', ''],
  ['web', 'web', ''],
])('the name %s is %s and what its owner made up', (name, own, generated) => {
  expect(splitGeneratedSuffix(name)).toEqual([own, generated]);
});

test('a pod replaces the one with its id or is added, and the others stay the same', () => {
  const [a, b] = [{ id: 'a' }, { id: 'b' }] as PodSummary[];
  const changed = { id: 'a', name: 'new' } as PodSummary;
  const list = [a!, b!];
  expect(upsertPod(list, changed)).toEqual([changed, b]);
  expect(upsertPod(list, changed)[1]).toBe(b);
  expect(upsertPod([b!], changed)).toEqual([b, changed]);
});

import { expect, test } from 'vitest';
import type { RulePeer } from '../../../contract/rule-set.ts';
import { PeerIndex } from '../../../server/acl/compile/peer-index.ts';
import type { SelectablePod } from '../../../server/acl/spec/pod-matching.ts';

const pod = (name: string, address: string, labels: Record<string, string> = {}): SelectablePod => ({
  id: `u-${name}`,
  namespace: 'shop',
  name,
  labels,
  addresses: [address],
});
const web: RulePeer = { pods: { matchLabels: { app: 'web' }, matchExpressions: [] }, namespace: 'shop' };
const names = (pods: readonly SelectablePod[]) => pods.map(({ name }) => name);

test('A change says whether what a known term selects has changed', () => {
  const index = new PeerIndex();
  index.change([pod('a', '10.0.0.1', { app: 'web' })], []);
  expect(names(index.begin([])(web))).toEqual(['a']);
  expect(index.change([pod('b', '10.0.0.2', { app: 'db' })], [])).toBe(false);
  expect(index.change([pod('b', '10.0.0.2', { app: 'web' })], [])).toBe(true);
  expect(index.change([pod('b', '10.0.0.2', { app: 'web', tier: 'x' })], [])).toBe(false);
  expect(index.change([pod('b', '10.0.0.3', { app: 'web' })], [])).toBe(true);
  expect(index.change([], ['u-a'])).toBe(true);
  expect(index.change([], ['u-a'])).toBe(false);
  expect(names(index.begin([])(web))).toEqual(['b']);
  expect(names(index.matched())).toEqual(['b']);
});

test('The first pod that a term selects is a change, too', () => {
  const index = new PeerIndex();
  expect(index.begin([])(web)).toEqual([]);
  expect(index.change([pod('a', '10.0.0.1', { app: 'web' })], [])).toBe(true);
});

test('A pod of the node replaces one of the same name, and one whose address it has by now', () => {
  const index = new PeerIndex();
  index.change([pod('a', '10.0.0.1', { app: 'web' }), pod('b', '10.0.0.2/32', { app: 'web' })], []);
  const own = [pod('a', '10.0.0.9/32', { app: 'web' }), pod('c', '10.0.0.2/32', { app: 'db' })].map(
    (each) => ({ ...each, id: `own-${each.name}` }),
  );
  expect(index.begin(own)(web)).toEqual([own[0]]);
  expect(names(index.begin([])(web))).toEqual(['a', 'b']);
});

test('A term that no compilation uses any more is forgotten', () => {
  const index = new PeerIndex();
  index.change([pod('a', '10.0.0.1', { app: 'web' })], []);
  index.begin([])(web);
  for (let i = 0; i < 20; i += 1) index.begin([]);
  expect(index.matched()).toEqual([]);
});

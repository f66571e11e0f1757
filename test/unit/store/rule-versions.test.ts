import { expect, test } from 'vitest';
import { defaultRetentionLimits } from '../../../server/store/retention.ts';
import { SqliteStore } from '../../../server/store/sqlite-store.ts';
import { node } from './records.ts';
import { openTemporaryStore, temporaryFolder } from './temporary-store.ts';

const version = (text: string | null) => {
  const name = text === null ? null : 'shop';
  return { time: new Date(1), actor: 'ada', comment: 'why', restored: null, name, rules: 2, text };
};

test('versions of rules are numbered, and the next process reads the last one, with rules or without', async () => {
  const file = `${temporaryFolder()}/podlane.db`;
  const store = await SqliteStore.open({ file, node });
  expect(await store.lastRuleVersion()).toBeNull();
  await store.addRuleVersion(version('name: shop\nrules: []\n'));
  const gone = await store.addRuleVersion({ ...version(null), restored: null });
  await store.close();
  const { store: next } = await openTemporaryStore(file);
  expect(await next.lastRuleVersion()).toEqual(gone);
  expect(gone).toEqual({ number: 2, ...version(null) });
  expect(await next.ruleVersion(1)).toEqual({ number: 1, ...version('name: shop\nrules: []\n') });
  expect(await next.ruleVersion(3)).toBeNull();
});

test('versions are listed by page without their texts, newest first, and the oldest are deleted', async () => {
  const { store } = await openTemporaryStore();
  for (let n = 0; n < 5; n += 1) await store.addRuleVersion(version(`text ${n}`));
  const first = await store.listRuleVersions({ limit: 2 });
  expect(first.items.map(({ number }) => number)).toEqual([5, 4]);
  expect(first.items[0]).not.toHaveProperty('text');
  await store.prune({ ...defaultRetentionLimits, ruleVersions: 3 });
  const rest = await store.listRuleVersions({ limit: 9, before: first.next! });
  expect(rest.items.map(({ number }) => number)).toEqual([3]);
  // A number is never given twice.
  expect((await store.addRuleVersion(version('next'))).number).toBe(6);
});

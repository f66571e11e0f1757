import { expect, test } from 'vitest';
import { Inventory } from '../../../server/store/sqlite-store.ts';
import { keep } from '../../../server/store/retention.ts';
import { node } from './records.ts';
import { openScratch, scratchFolder } from './scratch.ts';

const version = (text: string | null) => {
  const name = text === null ? null : 'shop';
  return { time: new Date(1), actor: 'ada', comment: 'why', restored: null, name, rules: 2, text };
};

test('versions of rules are numbered; the last one is read by the next process, taken away or not', async () => {
  const file = `${scratchFolder()}/podlane.db`;
  const inventory = await Inventory.open({ file, node });
  expect(await inventory.lastRuleVersion()).toBeNull();
  await inventory.addRuleVersion(version('name: shop\nrules: []\n'));
  const gone = await inventory.addRuleVersion({ ...version(null), restored: null });
  await inventory.close();
  const { inventory: next } = await openScratch(file);
  expect(await next.lastRuleVersion()).toEqual(gone);
  expect(gone).toEqual({ number: 2, ...version(null) });
  expect(await next.ruleVersion(1)).toEqual({ number: 1, ...version('name: shop\nrules: []\n') });
  expect(await next.ruleVersion(3)).toBeNull();
});

test('versions are listed by page without their texts, the newest first; the oldest are not kept for ever', async () => {
  const { inventory } = await openScratch();
  for (let n = 0; n < 5; n += 1) await inventory.addRuleVersion(version(`text ${n}`));
  const first = await inventory.listRuleVersions({ limit: 2 });
  expect(first.items.map(({ number }) => number)).toEqual([5, 4]);
  expect(first.items[0]).not.toHaveProperty('text');
  await inventory.prune({ ...keep, ruleVersions: 3 });
  const rest = await inventory.listRuleVersions({ limit: 9, before: first.next! });
  expect(rest.items.map(({ number }) => number)).toEqual([3]);
  // A number is never given twice.
  expect((await inventory.addRuleVersion(version('next'))).number).toBe(6);
});

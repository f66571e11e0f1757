import { expect, test } from 'vitest';
import { planTestStages } from '../../../scripts/test/plan-stages.ts';

const all = ['check', 'unit', 'kernel', 'runtime', 'e2e', 'vm', 'lab'];

test('cheap levels come first, and the guest runs beside the levels that need none', () => {
  expect(planTestStages(all, { processors: 2, guest: true })).toEqual([
    [['check', 'unit']],
    [['kernel', 'runtime', 'e2e'], ['vm']],
    [['lab']],
  ]);
});

test.each([
  { processors: 1, guest: true },
  { processors: 8, guest: false },
])('levels follow one another with $processors processors and guest $guest', (machine) => {
  expect(planTestStages(all, machine).every((lanes) => lanes.length === 1)).toBe(true);
  expect(planTestStages(all, machine).flat(2)).toEqual(all);
});

test('only the wanted levels run', () => {
  expect(planTestStages(['vm'], { processors: 2, guest: true })).toEqual([[['vm']]]);
  expect(planTestStages([], { processors: 2, guest: true })).toEqual([]);
});

import { expect, test } from 'vitest';
import { stagesOf } from '../../../scripts/test/stages.ts';

const all = ['check', 'unit', 'kernel', 'e2e', 'vm', 'lab'];

test('cheap levels come first, and the guest runs beside the levels that need none', () => {
  expect(stagesOf(all, { processors: 2, guest: true })).toEqual([
    [['check', 'unit']],
    [['kernel', 'e2e'], ['vm']],
    [['lab']],
  ]);
});

test.each([
  { processors: 1, guest: true },
  { processors: 8, guest: false },
])('levels follow one another with $processors processors and guest $guest', (machine) => {
  expect(stagesOf(all, machine).every((lanes) => lanes.length === 1)).toBe(true);
  expect(stagesOf(all, machine).flat(2)).toEqual(all);
});

test('only the wanted levels run', () => {
  expect(stagesOf(['vm'], { processors: 2, guest: true })).toEqual([[['vm']]]);
  expect(stagesOf([], { processors: 2, guest: true })).toEqual([]);
});

import { expect, test } from 'vitest';
import { formatFigureTable, summarizeRuns } from '../../../bench/report.ts';

test('a summary is the median, the least and the greatest', () => {
  expect(summarizeRuns([3, 1, 2])).toEqual({ value: 2, min: 1, max: 3, runs: 3 });
  expect(summarizeRuns([4, 1, 2, 3])).toEqual({ value: 2.5, min: 1, max: 4, runs: 4 });
  expect(() => summarizeRuns([])).toThrow('at least one run');
});

test('a table shows dimensions first and leaves empty columns out', () => {
  const figure = { bench: 'b', unit: 'ms', min: 1, max: 2, runs: 3 };
  const text = formatFigureTable([
    { ...figure, metric: 'sweep_ms', value: 1.23456, devices: 1000 },
    { ...figure, metric: 'sweep_ms', value: 12, devices: 10000 },
  ]);
  expect(text.split('\n')).toEqual([
    'devices  metric    value  unit  min  max  runs',
    '1000     sweep_ms  1.235  ms    1    2    3',
    '10000    sweep_ms  12     ms    1    2    3',
  ]);
});

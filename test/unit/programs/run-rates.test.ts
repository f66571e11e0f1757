import { expect, test } from 'vitest';
import { ProgramRunRates } from '../../../server/programs/run-rates.ts';

test('a rate is the difference of two readings over the time between them', () => {
  const rates = new ProgramRunRates();
  rates.read([{ id: 7, runCount: 100, runTimeNs: 5_000 }], 1_000);
  expect(rates.of(7)).toBeNull();
  rates.read(
    [
      { id: 7, runCount: 300, runTimeNs: 1_005_000 },
      { id: 8, runCount: 1, runTimeNs: 9 },
    ],
    3_000,
  );
  expect(rates.of(7)).toEqual({ runsPerSecond: 100, nsPerRun: 5_000, cpu: 0.0005 });
  expect(rates.of(8)).toBeNull();
  rates.read([{ id: 7, runCount: 300, runTimeNs: 1_005_000 }], 4_000);
  expect(rates.of(7)).toEqual({ runsPerSecond: 0, nsPerRun: null, cpu: 0 });
});

test('runs from before statistics were turned off count in no rate', () => {
  const rates = new ProgramRunRates();
  rates.read([{ id: 7, runCount: 1, runTimeNs: 1 }], 0);
  rates.forget();
  rates.read([{ id: 7, runCount: 9, runTimeNs: 9 }], 1_000);
  expect(rates.of(7)).toBeNull();
});

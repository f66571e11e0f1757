import { expect, test } from 'vitest';
import { formatFailures } from '../../testbed/network-state/report.ts';
import { isWrong } from '../../testbed/network-state/run-states.ts';
import {
  everyRunFaults,
  runStateFaults,
  type StateFault,
  stateFaults,
} from '../../testbed/network-state/state-faults.ts';

/** `FAULTS='made × kill'` runs only the faults that match, `FAULTS=.` all; `STATE_SEED` is that of the first state. */
const seed = Number(process.env.STATE_SEED ?? Date.now() % 1_000_000_000);
/** Every run has SIGKILL and undo at every step, and of the other faults those at one step in four. */
const isInThisRun = ({ step, name }: StateFault, index: number): boolean =>
  process.env.FAULTS === undefined
    ? everyRunFaults.includes(name) || (index + seed) % 4 === 0
    : new RegExp(process.env.FAULTS).test(`${step} × ${name}`);

test('a pod with any network state has it after faults at every step of its migration', {
  timeout: 2_400_000,
}, async () => {
  console.info(`network states from STATE_SEED=${seed}`);
  const faults = stateFaults.filter(isInThisRun);
  const outcomes = await runStateFaults(faults, seed, { from: 'veth', to: 'veth' });
  const lines = outcomes.map(
    ({ at, ended, wrong, unnamed, named, refusals, state }) =>
      `${at.step} × ${at.name}, seed ${state.seed}: ${ended ?? refusals.join('; ')}, ${unnamed.length} differences${named.length > 0 ? `, ${named.length} named` : ''}${wrong.length > 0 ? `; ${wrong.join('; ').split('\n')[0]}` : ''}`,
  );
  console.info(lines.join('\n'));
  expect(outcomes.filter(isWrong).length, formatFailures(outcomes)).toBe(0);
});

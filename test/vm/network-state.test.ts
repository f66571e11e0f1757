import { expect, test } from 'vitest';
import { formatCoverage, formatFailures, formatRefusals } from '../testbed/network-state/report.ts';
import { isWrong, runStates } from '../testbed/network-state/run-states.ts';

/**
 * The guest is slow: each move once, with the same states in every run; natively there are hundreds of new ones.
 * `STATE_SEED=$RANDOM` looks for new ones here too, `STATES=1 STATE_SEED=…` runs one state again.
 */
const count = Number(process.env.STATES ?? 4);
const seed = Number(process.env.STATE_SEED ?? 932_651_086);

test('a pod with any network state has it after a move between netkit and veth, or the plan named what differs', {
  timeout: 2_400_000,
}, async () => {
  console.info(`network states from STATE_SEED=${seed}`);
  const run = await runStates({
    seed,
    count,
    moves: [
      { from: 'netkit', to: 'veth', mode: 'l3' },
      { from: 'veth', to: 'netkit', mode: 'l2' },
      { from: 'netkit', to: 'veth', mode: 'l2' },
      { from: 'veth', to: 'netkit', mode: 'l3' },
    ],
    nodes: 1,
    pingMs: 20,
  });
  console.info(`${formatCoverage(run)}\n${formatRefusals(run.outcomes)}`);
  expect(run.outcomes.filter(isWrong).length, formatFailures(run.outcomes)).toBe(0);
});

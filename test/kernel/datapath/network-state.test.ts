import { expect, test } from 'vitest';
import { formatCoverage, formatFailures, formatRefusals } from '../../testbed/network-state/report.ts';
import { isWrong, runStates } from '../../testbed/network-state/run-states.ts';

/** `STATES=1 STATE_SEED=…` runs one state again. */
const count = Number(process.env.STATES ?? 300);
const seed = Number(process.env.STATE_SEED ?? Date.now() % 1_000_000_000);

test('a pod with any network state has it on its new device, or the plan named what differs', {
  timeout: 2_400_000,
}, async () => {
  console.info(`network states from STATE_SEED=${seed}`);
  const begun = performance.now();
  const run = await runStates({ seed, count, moves: [{ from: 'veth', to: 'veth' }], nodes: 4, pingMs: 4 });
  console.info(
    `${formatCoverage(run)}\n${formatRefusals(run.outcomes)}\n${Math.round((performance.now() - begun) / 1000)} s`,
  );
  expect(run.outcomes.filter(isWrong).length, formatFailures(run.outcomes)).toBe(0);
  expect(run.outcomes.filter(({ refusals }) => refusals.length > 0).length).toBeLessThan(count / 10 + 1);
});

test('a dry run and a refusal change nothing of any network state, and no state loses packets by itself', {
  timeout: 600_000,
}, async () => {
  // Where the kernel has no netkit, the plan refuses.
  const run = await runStates({
    seed,
    count: Math.min(count, 10),
    moves: [{ from: 'veth', to: 'netkit' }],
    nodes: 2,
    pingMs: 2,
  });
  console.info(formatRefusals(run.outcomes));
  expect(run.outcomes.filter(isWrong).length, formatFailures(run.outcomes)).toBe(0);
});

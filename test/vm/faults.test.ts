import { expect, test } from 'vitest';
import { migrationSteps } from '../../contract/migration.ts';
import { faultColumns, formatFaultMatrix, processKill, runFaultMatrix } from '../testbed/faults/matrix.ts';

/**
 * The guest is slow. At every step the agent is killed both ways, before the step or after it by turns: the datapath is
 * left as it stands, and another opened in the same process; one each way by SIGKILL. Of the other faults each step
 * gets one of a group one way, by turns; `FAULTS=all` runs them all. Natively every cell runs.
 */
const groups = [
  ['kill before', 'kill after'],
  ['EBUSY', 'ENOMEM later all', 'EEXIST later'],
  ['pod gone', 'old deleted', 'new deleted', 'disk full'],
];
const columns = groups.flat();

test('migrations between netkit and veth survive faults at every step', { timeout: 2_400_000 }, async ({
  onTestFinished,
}) => {
  const matrix = await runFaultMatrix({
    onEnd: onTestFinished,
    directions: [
      { from: 'netkit', to: 'veth' },
      { from: 'veth', to: 'netkit' },
    ],
    columns: [...faultColumns.filter(({ name }) => columns.includes(name)), processKill],
    kill: 'datapath',
    pingMs: 50,
    // The kernel ends a namespace by a worker, which waits for many others in a guest.
    settleMs: 60_000,
    leave({ step, column }, direction) {
      if (column === processKill.name) return step !== (direction === 0 ? 'routed-host' : 'removed');
      const group = groups.find((each) => each.includes(column));
      if (!group || process.env.FAULTS === 'all') return false;
      const index = migrationSteps.indexOf(step);
      // Kills run both ways at every step, the others one way.
      if (group !== groups[0] && index % 2 !== direction) return true;
      const turn = index + direction * (group.length >> 1);
      return group[turn % group.length] !== column;
    },
  });
  const table = formatFaultMatrix(matrix);
  process.stdout.write(table);
  expect(table).toMatch(/fault matrix: (\d+) cells, \1 ok/);
});

import { expect, test } from 'vitest';
import { allColumns, matrixTable, runMatrix } from '../../rig/faults/matrix.ts';

/** `FAULTS='made × kill'` runs only the cells whose step and fault match. */
const wanted = new RegExp(process.env.FAULTS ?? '');

test('a migration from veth to veth survives every fault at every step', { timeout: 300_000 }, async () => {
  const matrix = await runMatrix({
    directions: [{ from: 'veth', to: 'veth' }],
    columns: allColumns,
    kill: 'process',
    pingMs: 10,
    settleMs: 4000,
    leave: ({ step, column }) => !wanted.test(`${step} × ${column}`),
  });
  const table = matrixTable(matrix);
  process.stdout.write(table);
  console.log(JSON.stringify(matrix.descriptors), matrix.restarts);
  expect(table).toMatch(/fault matrix: (\d+) cells, \1 ok/);
});

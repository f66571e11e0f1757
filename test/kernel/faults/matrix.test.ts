import { expect, test } from 'vitest';
import { allColumns, matrixTable, runMatrix } from '../../rig/faults/matrix.ts';

test('a migration from veth to veth survives every fault at every step', { timeout: 240_000 }, async () => {
  const matrix = await runMatrix({
    directions: [{ from: 'veth', to: 'veth' }],
    columns: allColumns,
    kill: 'process',
    pingMs: 10,
    settleMs: 4000,
    ...(process.env.FAULTS
      ? { only: (cell) => new RegExp(process.env.FAULTS!).test(`${cell.step} × ${cell.column}`) }
      : {}),
  });
  const table = matrixTable(matrix);
  process.stdout.write(table);
  expect(table).toMatch(/fault matrix: (\d+) cells, \1 ok/);
});

import { expect, test } from 'vitest';
import { faultColumns, formatFaultMatrix, runFaultMatrix } from '../../testbed/faults/matrix.ts';

/** `FAULTS='made × kill'` runs only the cells whose step and fault match. */
const wanted = new RegExp(process.env.FAULTS ?? '');

test('a migration from veth to veth survives every fault at every step', { timeout: 1_200_000 }, async ({
  onTestFinished,
}) => {
  const matrix = await runFaultMatrix({
    onEnd: onTestFinished,
    directions: [{ from: 'veth', to: 'veth' }],
    columns: faultColumns,
    kill: 'process',
    pingMs: 10,
    settleMs: 4000,
    leave: ({ step, column }) => !wanted.test(`${step} × ${column}`),
  });
  const table = formatFaultMatrix(matrix);
  process.stdout.write(table);
  expect(table).toMatch(/fault matrix: (\d+) cells, \1 ok/);
  expect(matrix.descriptors.after).toEqual(matrix.descriptors.before);
});

/** Our programs are filters of clsact then, which have no links to pin, and eth0 is the interface's second name. */
const otherWay = ['kill before', 'kill after', 'EBUSY later all', 'undo refused', 'pod gone', 'new deleted'];

test('the same on a kernel without tcx and live rename', { timeout: 480_000 }, async ({ onTestFinished }) => {
  const matrix = await runFaultMatrix({
    onEnd: onTestFinished,
    directions: [{ from: 'veth', to: 'veth' }],
    columns: faultColumns.filter(({ name }) => process.env.FAULTS || otherWay.includes(name)),
    kill: 'process',
    pingMs: 10,
    settleMs: 4000,
    without: ['tcx', 'live-rename'],
    leave: ({ step, column }) => !wanted.test(`${step} × ${column}`),
  });
  const table = formatFaultMatrix(matrix);
  process.stdout.write(table);
  expect(table).toMatch(/fault matrix: (\d+) cells, \1 ok/);
});

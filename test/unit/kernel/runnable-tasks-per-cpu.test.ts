import { expect, test } from 'vitest';
import { readRunnableTasksPerCpu } from '../../../server/kernel/runnable-tasks-per-cpu.ts';

test.each([
  ['procs_running 12', 2, 6],
  ['procs_running 1', 2, 1],
  ['intr 5\nprocs_running 3\nprocs_blocked 9', 2, 1.5],
  ['cpu 1 2 3', 4, 1],
])('%j on %i CPUs: %d runnable tasks a CPU', (stat, cpus, contention) => {
  expect(readRunnableTasksPerCpu(`${stat}\n`, cpus)).toBe(contention);
});

test('the running kernel says how many tasks are runnable', () => {
  expect(readRunnableTasksPerCpu()).toBeGreaterThanOrEqual(1);
});

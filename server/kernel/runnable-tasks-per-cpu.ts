import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/**
 * Runnable tasks per CPU that this process may use, at least 1: with 3, a task gets a third of the time that it wants.
 * @param stat text of `/proc/stat`, whose `procs_running` counts runnable tasks, this process included (proc(5))
 */
export function readRunnableTasksPerCpu(
  stat = readFileSync('/proc/stat', 'latin1'),
  cpus = availableParallelism(),
): number {
  const running = Number(/^procs_running (\d+)$/m.exec(stat)?.[1] ?? 1);
  return Math.max(1, running / cpus);
}

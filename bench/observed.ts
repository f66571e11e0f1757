import { runBenchInNamespaces } from './isolated-run.ts';
import type { BenchReporter } from './report.ts';
import type { BenchOptions } from './run.ts';

/**
 * Measures what it costs to observe pods of others: CPU time of an agent with 250 of them at rest, by `--observe`, and while
 * 50 a second come and go; and how long one takes to appear.
 */
export async function runBench(report: BenchReporter, { quick, progress }: BenchOptions): Promise<void> {
  const pods = quick ? 20 : 250;
  progress(`an agent with ${pods} pods of others, observed and not`);
  await runBenchInNamespaces(report, 'observed.worker.ts', [pods, ...(quick ? [1, 3] : [6, 10])]);
}

import { runBenchInNamespaces } from './isolated-run.ts';
import type { BenchReporter } from './report.ts';
import type { BenchOptions } from './run.ts';

/**
 * Measures the latency of the agent's API at 1,000 pods over its Unix socket, the first time and repeated, against a
 * Fastify route that answers with a constant.
 */
export async function runBench(report: BenchReporter, { quick, progress }: BenchOptions): Promise<void> {
  const [pods, rounds] = quick ? [20, 3] : [1000, 50];
  progress(`the API of an agent with ${pods} pods`);
  await runBenchInNamespaces(report, 'api.worker.ts', [pods, rounds]);
}

import { runBenchInNamespaces } from './isolated-run.ts';
import { unpackNodeExporter } from './node-exporter.ts';
import type { BenchReporter } from './report.ts';
import type { BenchOptions } from './run.ts';

/**
 * Measures what an agent without work costs: CPU time and resident memory with 250 and 1,000 pods, sampling once a
 * second, with and without a subscriber of the samples; beside it node-exporter in the same namespace, scraped once a
 * second.
 */
export async function runBench(report: BenchReporter, { quick, progress }: BenchOptions): Promise<void> {
  const exporter = unpackNodeExporter();
  for (const pods of quick ? [20] : [250, 1000]) {
    progress(`an agent with ${pods} pods, and node-exporter`);
    await runBenchInNamespaces(report, 'footprint.worker.ts', [
      exporter,
      pods,
      ...(quick ? [1, 3] : [6, 10]),
    ]);
  }
}

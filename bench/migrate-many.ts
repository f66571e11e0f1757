import { kernelHasNetkit } from '../scripts/vm/netkit-support.ts';
import { runBenchInGuest } from './isolated-run.ts';
import { measureMigrationBatches } from './migrate-many.worker.ts';
import type { BenchReporter } from './report.ts';
import type { BenchOptions } from './run.ts';

/**
 * Time and losses of batches: on this kernel, and in the guest where this one has no netkit. There 200 pods take
 * many minutes, nearly all of them for making and attaching the pods.
 */
export async function runBench(report: BenchReporter, { quick, progress }: BenchOptions): Promise<void> {
  const pods = quick ? [20] : [50, 200];
  for (const count of pods) {
    progress(`${count} pods at once on this kernel`);
    await measureMigrationBatches(report, { env: 'native', pods: count, parallelism: [1, 8, 32] });
  }
  if (kernelHasNetkit()) return;
  const count = pods.at(-1)!;
  progress(`${count} pods at once in the guest`);
  await runBenchInGuest(report, 'migrate-many.worker.ts', ['guest', count, 8], { timeoutSeconds: 3600 });
}

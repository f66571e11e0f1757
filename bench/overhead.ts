import { runBenchInGuest, runBenchInNamespaces } from './isolated-run.ts';
import type { BenchReporter } from './report.ts';
import type { BenchOptions } from './run.ts';
import { compileBenchProgram } from './traffic.ts';

/**
 * Measures the packet rate of a veth with Podlane's programs off, only counting and full, and of one that others made with
 * the programs that observe it and without; natively and in a guest.
 */
export async function runBench(report: BenchReporter, { quick, progress }: BenchOptions): Promise<void> {
  compileBenchProgram('traffic');
  const worker = 'overhead.worker.ts';
  progress('datagrams with programs off, counting and full, by turns');
  await runBenchInNamespaces(report, worker, ['own', 'native', ...(quick ? [6, 30] : [100, 40])]);
  progress('datagrams of a pod of others, observed and not, by turns');
  await runBenchInNamespaces(report, worker, ['others', 'native', ...(quick ? [6, 30] : [100, 40])]);
  for (const whose of ['own', 'others']) {
    progress(`the same in an instruction-counted guest: ${whose}`);
    await runBenchInGuest(report, worker, [whose, 'guest', ...(quick ? [1, 20] : [5, 60])], {
      instructionCounted: true,
      timeoutSeconds: 600,
    });
  }
}

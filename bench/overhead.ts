import { runBenchInGuest, runBenchInNamespaces } from './isolated-run.ts';
import type { BenchReporter } from './report.ts';
import type { BenchOptions } from './run.ts';
import { compileBenchProgram } from './traffic.ts';

/** Measures the packet rate of a veth with Podlane's programs off, only counting and full, natively and in a guest. */
export async function runBench(report: BenchReporter, { quick, progress }: BenchOptions): Promise<void> {
  compileBenchProgram('traffic');
  progress('datagrams with programs off, counting and full, by turns');
  await runBenchInNamespaces(report, 'overhead.worker.ts', ['native', ...(quick ? [6, 30] : [100, 40])]);
  progress('the same in an instruction-counted guest');
  await runBenchInGuest(report, 'overhead.worker.ts', ['guest', ...(quick ? [1, 20] : [5, 60])], {
    instructionCounted: true,
    timeoutSeconds: 600,
  });
}

import { runBenchInGuest } from './isolated-run.ts';
import { compileMinimalRedirect } from './minimal-redirect.ts';
import type { BenchReporter } from './report.ts';
import type { BenchOptions } from './run.ts';
import { compileBenchProgram } from './traffic.ts';

/** Measures the traffic between two pods over each path, in a guest whose clock counts executed instructions. */
export async function runBench(report: BenchReporter, { quick, progress }: BenchOptions): Promise<void> {
  compileBenchProgram('traffic');
  compileMinimalRedirect();
  progress('requests, datagrams and streams by path, in an instruction-counted guest');
  await runBenchInGuest(report, 'datapath.worker.ts', ['guest', quick ? 1 : 5, quick ? 20 : 100], {
    instructionCounted: true,
    timeoutSeconds: 900,
  });
}

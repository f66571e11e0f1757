import type { Report } from './report.ts';
import type { BenchOptions } from './run.ts';
import { runInGuest } from './sandbox.ts';
import { compile } from './traffic.ts';

/** Measures the traffic between two pods over each path, in a guest whose clock counts executed instructions. */
export async function run(report: Report, { quick, progress }: BenchOptions): Promise<void> {
  compile('traffic');
  progress('requests, datagrams and streams by path, in an instruction-counted guest');
  await runInGuest(report, 'datapath.worker.ts', ['guest', quick ? 1 : 5, quick ? 20 : 100], {
    instructionCounted: true,
    timeoutSeconds: 900,
  });
}

import { kernelHasNetkit } from '../scripts/vm/netkit-support.ts';
import { runBenchInGuest, runBenchInNamespaces } from './isolated-run.ts';
import type { BenchReporter } from './report.ts';
import type { BenchOptions } from './run.ts';
import { compileBenchProgram } from './traffic.ts';

/** Measures lost packets, blackout and duration of migrations, in a guest if this kernel has no netkit. */
export async function runBench(report: BenchReporter, { quick, progress }: BenchOptions): Promise<void> {
  const [migrations, pings] = quick ? [4, 1500] : [20, 11_000];
  for (const name of ['pings', 'traffic']) compileBenchProgram(name);
  progress(`${migrations} migrations under pings and ${2 * migrations} under streams, on this kernel`);
  await runBenchInNamespaces(report, 'migrate.worker.ts', ['native', migrations, pings]);
  if (kernelHasNetkit()) return;
  progress('the same in the guest');
  await runBenchInGuest(report, 'migrate.worker.ts', ['guest', migrations, 2 * pings], {
    timeoutSeconds: 900,
  });
}

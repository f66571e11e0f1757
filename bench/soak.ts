import { kernelHasNetkit } from '../scripts/vm/netkit-support.ts';
import { runBenchInGuest, runBenchInNamespaces } from './isolated-run.ts';
import type { BenchReporter } from './report.ts';
import type { BenchOptions } from './run.ts';

/**
 * Measures the resources that 2,000 migrations leave behind; if this kernel has no netkit, also those of 200 in a
 * guest.
 */
export async function runBench(report: BenchReporter, { quick, progress }: BenchOptions): Promise<void> {
  const migrations = quick ? 80 : 2000;
  progress(`${migrations} migrations on this kernel: some minutes`);
  await runBenchInNamespaces(report, 'soak.worker.ts', ['native', migrations, 4]);
  if (kernelHasNetkit()) return;
  const guests = quick ? 16 : 200;
  progress(`${guests} migrations between netkit and veth in the guest`);
  await runBenchInGuest(report, 'soak.worker.ts', ['guest', guests, 4], { timeoutSeconds: 1800 });
}

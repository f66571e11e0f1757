import { kernelHasNetkit } from '../scripts/vm/netkit-support.ts';
import { runBenchInGuest, runBenchInNamespaces } from './isolated-run.ts';
import type { BenchReporter } from './report.ts';
import type { BenchOptions } from './run.ts';
import { compileBenchProgram } from './traffic.ts';

/**
 * Measures lost packets, blackout and duration of migrations, in a guest as well if this kernel has no netkit; on this
 * kernel also through what real nodes hold: a node port, firewalls, shaping, policy routing, addresses that move.
 */
export async function runBench(report: BenchReporter, { quick, progress }: BenchOptions): Promise<void> {
  const [migrations, pings] = quick ? [4, 1500] : [20, 11_000];
  for (const name of ['pings', 'traffic']) compileBenchProgram(name);
  progress(`${migrations} migrations under pings and ${2 * migrations} under streams, on this kernel`);
  await runBenchInNamespaces(report, 'migrate.worker.ts', ['native', migrations, pings]);
  const [inSetting, pingsInSetting] = quick ? [4, 1500] : [12, 12_000];
  progress(`${inSetting} migrations in each setting of a node`);
  await runBenchInNamespaces(report, 'migrate-settings.worker.ts', [inSetting, pingsInSetting]);
  if (kernelHasNetkit()) return;
  progress('the same in the guest');
  await runBenchInGuest(report, 'migrate.worker.ts', ['guest', migrations, 2 * pings], {
    timeoutSeconds: 900,
  });
}

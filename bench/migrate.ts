import { hasNetkit } from '../scripts/vm/netkit.ts';
import type { Report } from './report.ts';
import type { BenchOptions } from './run.ts';
import { runInGuest, runInNamespaces } from './sandbox.ts';
import { compile } from './traffic.ts';

/** Measures lost packets, blackout and duration of migrations, in a guest if this kernel has no netkit. */
export async function run(report: Report, { quick, progress }: BenchOptions): Promise<void> {
  const [migrations, pings] = quick ? [4, 1500] : [20, 11_000];
  for (const name of ['pings', 'traffic']) compile(name);
  progress(`${migrations} migrations under pings and ${2 * migrations} under streams, on this kernel`);
  await runInNamespaces(report, 'migrate.worker.ts', ['native', migrations, pings]);
  if (hasNetkit()) return;
  progress('the same in the guest');
  await runInGuest(report, 'migrate.worker.ts', ['guest', migrations, 2 * pings], {
    timeoutSeconds: 900,
  });
}

import { kernelHasNetkit } from '../scripts/vm/netkit-support.ts';
import { runBenchInGuest, runBenchInNamespaces } from './isolated-run.ts';
import type { BenchReporter } from './report.ts';
import type { BenchOptions } from './run.ts';
import { compileBenchProgram } from './traffic.ts';

/**
 * Compares how long a container waits for its ADD and its DEL with Podlane's plugin, and with Debian's ptp and host-local;
 * with netkit in a guest if this kernel lacks it.
 */
export async function runBench(report: BenchReporter, { quick, progress }: BenchOptions): Promise<void> {
  compileBenchProgram('command-timer');
  const kind = kernelHasNetkit() ? 'netkit' : 'veth';
  progress(`adding containers with ${kind}`);
  await runBenchInNamespaces(report, 'cni.worker.ts', ['native', kind, quick ? 5 : 200]);
  if (kind === 'netkit') return;
  progress('adding containers with netkit, in the guest');
  await runBenchInGuest(report, 'cni.worker.ts', ['guest', 'netkit', quick ? 2 : 20], {
    timeoutSeconds: 900,
  });
}

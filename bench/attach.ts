import { kernelHasNetkit } from '../scripts/vm/netkit-support.ts';
import { runBenchInGuest, runBenchInNamespaces } from './isolated-run.ts';
import type { BenchReporter } from './report.ts';
import type { BenchOptions } from './run.ts';
import { compileBenchProgram } from './traffic.ts';

/**
 * Compares how long Podlane and iproute2 take to attach and detach pods, with netkit in a guest if this kernel lacks
 * it.
 */
export async function runBench(report: BenchReporter, { quick, progress }: BenchOptions): Promise<void> {
  const [rounds, pods] = quick ? [2, 3] : [10, 10];
  progress('attaching pods by veth, with and without programs');
  await runBenchInNamespaces(report, 'attach.worker.ts', ['native', 'veth', rounds, pods]);
  if (kernelHasNetkit())
    return runBenchInNamespaces(report, 'attach.worker.ts', ['native', 'netkit', rounds, pods]);
  progress('attaching pods by netkit, in the guest');
  compileBenchProgram('command-timer');
  compileBenchProgram('attach', ['-lbpf']);
  await runBenchInGuest(report, 'attach.worker.ts', ['guest', 'netkit', quick ? 2 : 5, quick ? 3 : 5], {
    timeoutSeconds: 300,
  });
}

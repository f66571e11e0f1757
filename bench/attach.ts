import { hasNetkit } from '../scripts/vm/netkit.ts';
import type { Report } from './report.ts';
import type { BenchOptions } from './run.ts';
import { runInGuest, runInNamespaces } from './sandbox.ts';
import { compile } from './traffic.ts';

/** Compares attaching and detaching pods with iproute2 doing the same: veth natively, netkit in a guest if needed. */
export async function run(report: Report, { quick, progress }: BenchOptions): Promise<void> {
  const [rounds, pods] = quick ? [2, 3] : [10, 10];
  progress('attaching pods by veth, with and without programs');
  await runInNamespaces(report, 'attach.worker.ts', ['native', 'veth', rounds, pods]);
  if (hasNetkit()) return runInNamespaces(report, 'attach.worker.ts', ['native', 'netkit', rounds, pods]);
  progress('attaching pods by netkit, in the guest');
  compile('timed');
  compile('attach', ['-lbpf']);
  await runInGuest(report, 'attach.worker.ts', ['guest', 'netkit', quick ? 2 : 5, quick ? 3 : 5], {
    timeoutSeconds: 300,
  });
}

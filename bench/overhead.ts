import { runSealed } from './elsewhere.ts';
import type { Report } from './report.ts';
import type { BenchOptions } from './run.ts';

/** Packet rate over a veth with our programs off, counting and full. */
export async function run(report: Report, { quick, progress }: BenchOptions): Promise<void> {
  progress('datagrams with programs off, counting and full, by turns');
  await runSealed(report, 'overhead-here.ts', quick ? [6, 30] : [60, 60]);
}

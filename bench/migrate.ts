import { join } from 'node:path';
import { bootGuest } from '../scripts/vm/guest.ts';
import { hasNetkit } from '../scripts/vm/netkit.ts';
import { measureMigrations } from './migrate-here.ts';
import type { Figure, Report } from './report.ts';
import type { BenchOptions } from './run.ts';

const program = join(import.meta.dirname, 'migrate-here.ts');

/** Packets lost, blackout and time of migrations: on this kernel, and in the guest where this one has no netkit. */
export async function run(report: Report, { quick, progress }: BenchOptions): Promise<void> {
  const migrations = quick ? 4 : 20;
  const pings = quick ? 2000 : 11_000;
  progress(`${migrations} migrations on this kernel`);
  await measureMigrations(report, { env: 'native', migrations, pings });
  if (hasNetkit()) return;
  progress(`${migrations} migrations in the guest`);
  const lines: string[] = [];
  let partial = '';
  const guest = await bootGuest({
    command: `node ${program} guest ${migrations} ${pings}`,
    env: { NODE_NO_WARNINGS: '1' },
    timeoutSeconds: 300,
    onStdout: (chunk) => {
      const parts = (partial + chunk).split('\n');
      partial = parts.pop() ?? '';
      lines.push(...parts);
    },
    onStderr: (chunk) => process.stderr.write(chunk),
  });
  const code = await guest.exit;
  for (const line of lines) report(JSON.parse(line) as Figure);
  if (code !== 0) throw new Error(`the bench in the guest ended with code ${code}`);
}

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasNetkit } from '../vm/netkit.ts';
import { type Counts, countPlaywright, countVitest, settle } from './counts.ts';
import { runInGuest } from './guest.ts';
import { show } from './show.ts';
import type { Terminal } from './terminal.ts';

/** True for a test level that runs in a guest, and can therefore run beside levels that use this machine's devices. */
export const inGuest = (level: string): boolean => level === 'vm' && !hasNetkit();

/** Runs one test level with its output on the terminal. `folder` receives the report; `filters` select test files. */
export type Level = (folder: string, filters: string[], terminal: Terminal) => Promise<Counts>;

export const levels: Record<string, Level> = {
  async check(folder) {
    const report = join(folder, 'check.json');
    const code = await show('node', ['scripts/check.ts', '--report', report], {});
    return counted(code, read(report), (counts: Counts) => counts);
  },
  unit: (folder, filters) => vitest('unit', folder, filters),
  kernel: (folder, filters) => vitest('kernel', folder, filters),
  e2e: (folder, filters) => playwright('e2e', folder, filters),
  async vm(folder, filters, terminal) {
    if (hasNetkit()) return vitest('vm', folder, filters);
    const report = '/run/report.json';
    const command = ['vitest', ...vitestArguments('vm', report, filters)];
    const faults: Record<string, string> = process.env.FAULTS ? { FAULTS: process.env.FAULTS } : {};
    const answer = await runInGuest(command, report, { ...noColors, ...faults }, terminal);
    return counted(answer.code, answer.report, countVitest);
  },
  lab: (folder, filters) => playwright('lab', folder, filters),
};

const noColors: Record<string, string> = process.stdout.isTTY ? {} : { NO_COLOR: '1' };

async function vitest(project: string, folder: string, filters: string[]): Promise<Counts> {
  const report = join(folder, `${project}.json`);
  const code = await show('vitest', vitestArguments(project, report, filters), noColors);
  return counted(code, read(report), countVitest);
}

async function playwright(project: string, folder: string, filters: string[]): Promise<Counts> {
  const report = join(folder, `${project}.json`);
  const colors: Record<string, string> = process.stdout.isTTY ? {} : { FORCE_COLOR: '0' };
  const which = ['--project', project, ...(filters.length > 0 ? ['--pass-with-no-tests'] : [])];
  const code = await show('playwright', ['test', '--reporter=list,json', ...which, ...filters], {
    PLAYWRIGHT_JSON_OUTPUT_FILE: report,
    ...colors,
  });
  return counted(code, read(report), countPlaywright);
}

function vitestArguments(project: string, report: string, filters: string[]): string[] {
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  return ['run', '--project', project, ...reporters, ...filters];
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

function counted<T>(code: number, report: string | undefined, count: (report: T) => Counts): Counts {
  if (report === undefined) console.error('The tests ended without a report.');
  return settle(report === undefined ? undefined : count(JSON.parse(report)), code);
}

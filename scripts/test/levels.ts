import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasNetkit } from '../vm/netkit.ts';
import { type Counts, countPlaywright, countVitest, settle } from './counts.ts';
import { runInGuest } from './guest.ts';

const timeoutMinutes = 15;
/** A log is easier to read without. */
const colours: Record<string, string> = process.stdout.isTTY ? {} : { NO_COLOR: '1' };

/** Runs one level of tests with its output on the terminal; `folder` is for its report. */
export type Level = (folder: string) => Promise<Counts>;

export const levels: Record<string, Level> = {
  check: async (folder) => {
    const report = join(folder, 'check.json');
    return settleFile(
      await show('node', ['scripts/check.ts', '--report', report]),
      report,
      (counts) => counts as Counts,
    );
  },
  unit: (folder) => vitest('unit', folder),
  kernel: (folder) => vitest('kernel', folder),
  vm: async (folder) => {
    if (hasNetkit()) return vitest('vm', folder);
    const { code, report } = await runInGuest(
      vitestArguments('vm', '/run/report.json'),
      '/run/report.json',
      colours,
    );
    return settle(report === undefined ? undefined : countVitest(JSON.parse(report)), code);
  },
  e2e: async (folder) => {
    const report = join(folder, 'e2e.json');
    const code = await show('playwright', ['test', '--reporter=list,json'], {
      PLAYWRIGHT_JSON_OUTPUT_FILE: report,
    });
    return settleFile(code, report, countPlaywright as (report: unknown) => Counts);
  },
};

function vitestArguments(project: string, report: string): string[] {
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  return ['vitest', 'run', '--project', project, ...reporters];
}

async function vitest(project: string, folder: string): Promise<Counts> {
  const report = join(folder, `${project}.json`);
  const [command, ...args] = vitestArguments(project, report);
  return settleFile(await show(command!, args), report, countVitest as (report: unknown) => Counts);
}

function settleFile(code: number, file: string, count: (report: unknown) => Counts): Counts {
  let counts: Counts | undefined;
  try {
    counts = count(JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    console.error(`no report: ${(error as Error).message}`);
  }
  return settle(counts, code);
}

/** Runs a program on this terminal and answers its exit code; 1 when it cannot be started or its time is up. */
function show(command: string, args: string[], env: Record<string, string> = {}): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, ...colours, ...env },
      timeout: timeoutMinutes * 60_000,
    });
    child.on('error', (error) => {
      console.error(`${command} cannot be started: ${error.message}`);
      resolve(1);
    });
    child.on('close', (code) => resolve(code ?? 1));
  });
}

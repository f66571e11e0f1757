import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureCniTool } from '../runtimes/build-cnitool.ts';
import { installRuntimes, runtimeNames } from '../runtimes/install-runtimes.ts';
import { kernelHasNetkit } from '../vm/netkit-support.ts';
import { packProgramFiles } from '../vm/program-files.ts';
import { runOnTerminal } from './run-on-terminal.ts';
import { runTestsInGuest } from './run-tests-in-guest.ts';
import type { TerminalOutput } from './terminal-output.ts';
import {
  addUnreportedFailure,
  countPlaywrightTests,
  countVitestTests,
  type TestCounts,
} from './test-counts.ts';

/** True for a test level that runs in a guest, and can therefore run beside levels that use this machine's devices. */
export const testLevelRunsInGuest = (level: string): boolean => level === 'vm' && !kernelHasNetkit();

/** Runs one test level with its output on the terminal. `folder` receives the report; `filters` select test files. */
export type TestLevelRunner = (
  folder: string,
  filters: string[],
  terminal: TerminalOutput,
) => Promise<TestCounts>;

export const testLevels: Record<string, TestLevelRunner> = {
  async check(folder) {
    const report = join(folder, 'check.json');
    const code = await runOnTerminal('node', ['scripts/check.ts', '--report', report], {});
    return counted(code, read(report), (counts: TestCounts) => counts);
  },
  unit: (folder, filters) => vitest('unit', folder, filters),
  kernel: (folder, filters) => vitest('kernel', folder, filters),
  async runtime(folder, filters) {
    await installRuntimes(runtimeNames);
    await ensureCniTool();
    return vitest('runtime', folder, filters);
  },
  e2e: (folder, filters) => playwright('e2e', folder, filters),
  async vm(folder, filters, terminal) {
    await installRuntimes(['docker']);
    if (kernelHasNetkit()) return vitest('vm', folder, filters);
    const report = '/run/report.json';
    const archive = join(folder, 'programs.tar');
    const list = ['node_modules/vitest/vitest.mjs', 'list', '--project', 'vm', '--no-static-parse'];
    await packProgramFiles(archive, guestPrograms, [
      ['server/main.ts', '--help'],
      [...list, ...filters],
    ]);
    const command = ['vitest', ...vitestArguments('vm', report, filters)];
    const chosen = Object.fromEntries(
      choices.map((name) => [name, process.env[name] ?? '']).filter(([, value]) => value !== ''),
    );
    const answer = await runTestsInGuest(command, { archive, report }, { ...noColors, ...chosen }, terminal);
    return counted(answer.code, answer.report, countVitestTests);
  },
  lab: (folder, filters) => playwright('lab', folder, filters),
  // Its tests are a chain: what follows a failure says nothing.
  kubernetes: (folder, filters) => vitest('kubernetes', folder, ['--bail', '1', ...filters]),
};

/** Levels that `npm test` leaves out: they build what no machine has, for minutes. */
export const separateTestLevels: readonly string[] = ['kubernetes'];

/** Programs that the tests in the guest start, and threads of these. */
const guestPrograms = [
  'cli/main.ts',
  'server/main.ts',
  'server/acl/worker/compiler-thread.ts',
  'server/acl/worker/text-parser-thread.ts',
  'server/datapath/device/device-thread.worker.ts',
  'server/programs/scan/scan.worker.ts',
  'test/kernel/bpf/agent-child.ts',
  'test/testbed/faults/agent-child.ts',
  'test/testbed/masqueraded-traffic-process.ts',
  'test/testbed/migration-script/bpf-worker.ts',
];

/** Environment variables that choose what generated tests run. */
const choices = ['FAULTS', 'PODLANE_SEED', 'STATE_SEED', 'STATES'];

const noColors: Record<string, string> = process.stdout.isTTY ? {} : { NO_COLOR: '1' };

async function vitest(project: string, folder: string, filters: string[]): Promise<TestCounts> {
  const report = join(folder, `${project}.json`);
  const code = await runOnTerminal('vitest', vitestArguments(project, report, filters), noColors);
  return counted(code, read(report), countVitestTests);
}

async function playwright(project: string, folder: string, filters: string[]): Promise<TestCounts> {
  const report = join(folder, `${project}.json`);
  const colors: Record<string, string> = process.stdout.isTTY ? {} : { FORCE_COLOR: '0' };
  const which = ['--project', project, ...(filters.length > 0 ? ['--pass-with-no-tests'] : [])];
  const code = await runOnTerminal('playwright', ['test', '--reporter=list,json', ...which, ...filters], {
    PLAYWRIGHT_JSON_OUTPUT_FILE: report,
    ...colors,
  });
  return counted(code, read(report), countPlaywrightTests);
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

function counted<T>(code: number, report: string | undefined, count: (report: T) => TestCounts): TestCounts {
  if (report === undefined) console.error('The tests ended without a report.');
  return addUnreportedFailure(report === undefined ? undefined : count(JSON.parse(report)), code);
}

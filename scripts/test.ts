// npm test: all levels, or the named ones; what follows the names picks test files. Levels run in stages, and those of a
// stage side by side where there are processors for it. Each level runs whether or not an earlier one failed.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { separateTestLevels, testLevels } from './test/levels.ts';
import { planTestStages } from './test/plan-stages.ts';
import { createBufferedTerminal, processTerminal, type TerminalOutput } from './test/terminal-output.ts';
import type { TestCounts } from './test/test-counts.ts';

const words = process.argv.slice(2);
const from = words.findIndex((word) => !(word in testLevels));
const names = from < 0 ? words : words.slice(0, from);
const filters = from < 0 ? [] : words.slice(from);
if (names.length === 0 && filters.length > 0) {
  console.error(`There is no level ${filters[0]}. There are: ${Object.keys(testLevels).join(', ')}`);
  process.exit(2);
}

const folder = mkdtempSync(join(tmpdir(), 'podlane-test-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
const wanted =
  names.length > 0 ? names : Object.keys(testLevels).filter((name) => !separateTestLevels.includes(name));

interface Row extends TestCounts {
  level: string;
  seconds: number;
}

async function run(level: string, to: TerminalOutput): Promise<Row> {
  const started = Date.now();
  const runLevel = testLevels[level];
  if (runLevel === undefined) throw new Error(`there is no level ${level}`);
  const counts = await runLevel(folder, filters, to).catch((error: Error) => {
    to.err(`${error.message}\n`);
    return { passed: 0, failed: 1 };
  });
  return { level, seconds: secondsSince(started), ...counts };
}

/** Runs the test levels of a lane one after the other. */
async function runLane(lane: readonly string[], to: TerminalOutput): Promise<Row[]> {
  const done: Row[] = [];
  for (const level of lane) {
    to.out(`\n── ${level}\n`);
    done.push(await run(level, to));
  }
  return done;
}

function secondsSince(time: number): number {
  return Math.round((Date.now() - time) / 1000);
}

const rows: Row[] = [];
const started = Date.now();
for (const [index, lanes] of planTestStages(wanted).entries()) {
  const began = Date.now();
  // The first lane shows its output as it comes, the others when the lanes before them have ended.
  const running = lanes.map((lane, place) => {
    const output = place === 0 ? undefined : createBufferedTerminal();
    return { output, done: runLane(lane, output ?? processTerminal) };
  });
  for (const { output, done } of running) {
    output?.release();
    rows.push(...(await done));
  }
  console.log(
    `\nstage ${index + 1} (${lanes.map((lane) => lane.join(', ')).join(' | ')}): ${secondsSince(began)} s`,
  );
}

console.log(
  `\n${'level'.padEnd(8)}${['seconds', 'passed', 'failed'].map((title) => title.padStart(9)).join('')}`,
);
for (const { level, seconds, passed, failed } of rows) {
  console.log(
    level.padEnd(8) + [seconds, passed, failed].map((figure) => String(figure).padStart(9)).join(''),
  );
}
console.log(`${'all'.padEnd(8)}${String(secondsSince(started)).padStart(9)}`);
const sum = (key: 'passed' | 'failed') => rows.reduce((total, row) => total + row[key], 0);
console.log(`\n${sum('passed')} passed, ${sum('failed')} failed`);
process.exitCode = sum('failed') > 0 || sum('passed') === 0 ? 1 : 0;

// npm test: all levels, or those named; what follows the names picks test files. Each level runs whatever became of the
// ones before. The last line says the sum.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Counts } from './test/counts.ts';
import { inGuest, levels } from './test/levels.ts';
import { heldBack, type Terminal, terminal } from './test/terminal.ts';

const words = process.argv.slice(2);
const from = words.findIndex((word) => !(word in levels));
const names = from < 0 ? words : words.slice(0, from);
const filters = from < 0 ? [] : words.slice(from);
if (names.length === 0 && filters.length > 0) {
  console.error(`There is no level ${filters[0]}. There are: ${Object.keys(levels).join(', ')}`);
  process.exit(2);
}

const folder = mkdtempSync(join(tmpdir(), 'podlane-test-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
const wanted = names.length > 0 ? names : Object.keys(levels);

interface Row extends Counts {
  level: string;
  seconds: number;
}

async function run(level: string, to: Terminal): Promise<Row> {
  const started = Date.now();
  const counts = await levels[level]!(folder, filters, to).catch((error: Error) => {
    to.err(`${error.message}\n`);
    return { passed: 0, failed: 1 };
  });
  return { level, seconds: Math.round((Date.now() - started) / 1000), ...counts };
}

// The guest takes one processor: it runs beside the levels before it, and shows its output when its turn comes.
const beside = wanted.length > 1 ? wanted.filter(inGuest) : [];
const early = new Map(
  beside.map((level) => {
    const held = heldBack();
    return [level, { held, row: run(level, held) }] as const;
  }),
);

const rows: Row[] = [];
for (const level of wanted) {
  const started = early.get(level);
  console.log(`\n── ${level}${started ? ', run beside the others' : ''}`);
  started?.held.release();
  rows.push(await (started?.row ?? run(level, terminal)));
}

console.log(
  `\n${'level'.padEnd(8)}${['seconds', 'passed', 'failed'].map((title) => title.padStart(9)).join('')}`,
);
for (const { level, seconds, passed, failed } of rows) {
  console.log(
    level.padEnd(8) + [seconds, passed, failed].map((figure) => String(figure).padStart(9)).join(''),
  );
}
const sum = (key: 'passed' | 'failed') => rows.reduce((total, row) => total + row[key], 0);
console.log(`\n${sum('passed')} passed, ${sum('failed')} failed`);
process.exitCode = sum('failed') > 0 || sum('passed') === 0 ? 1 : 0;

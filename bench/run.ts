// npm run bench -- NAME… [--json]. A bench is a file here that exports runBench(report, options).
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  type BenchFigure,
  type BenchReporter,
  createJsonLinesReporter,
  formatFigureTable,
} from './report.ts';

export interface BenchOptions {
  /** True to run fewer and shorter rounds, which check that a benchmark works rather than measure anything. */
  quick: boolean;
  /** Writes a line about the current step to standard error. */
  progress(text: string): void;
}

export type BenchFunction = (report: BenchReporter, options: BenchOptions) => Promise<void>;

const usage = `Usage: npm run bench -- NAME… [--json] [--quick]

  --json   one JSON object a line on standard output, nothing else there
  --quick  fewer and shorter runs

Benches: `;

/** Names of the benchmarks: the files of this folder that export `runBench`. */
const names = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.ts') && /^export (const|async function) runBench\b/m.test(source(file)))
  .map((file) => file.slice(0, -3))
  .sort();

function source(file: string): string {
  return readFileSync(join(import.meta.dirname, file), 'utf8');
}

function fail(text: string): never {
  process.stderr.write(`${text}\n`);
  process.exit(2);
}

function parse() {
  const options = {
    json: { type: 'boolean' },
    quick: { type: 'boolean' },
    help: { type: 'boolean' },
  } as const;
  try {
    return parseArgs({ options, allowPositionals: true });
  } catch (error) {
    return fail(`${(error as Error).message}\n\n${usage}${names.join(', ')}`);
  }
}

const { values, positionals } = parse();
if (values.help) {
  process.stdout.write(`${usage}${names.join(', ')}\n`);
  process.exit(0);
}
const unknown = positionals.filter((name) => !names.includes(name));
if (unknown.length > 0) fail(`There is no bench ${unknown.join(', ')}. There are: ${names.join(', ')}`);
if (positionals.length === 0) fail(`${usage}${names.join(', ')}`);

// Exits on a signal, so that the exit handlers of a bench remove what it made.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));

for (const name of positionals) {
  const { runBench } = (await import(`./${name}.ts`)) as { runBench: BenchFunction };
  const figures: BenchFigure[] = [];
  const report: BenchReporter = values.json
    ? createJsonLinesReporter((text) => process.stdout.write(text))
    : (figure) => figures.push(figure);
  await runBench(report, {
    quick: values.quick ?? false,
    progress: (text) => process.stderr.write(`${text}\n`),
  });
  if (!values.json) process.stdout.write(`${name}\n${formatFigureTable(figures)}\n\n`);
}

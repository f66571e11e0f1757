// npm run check: everything about the sources that needs no test. --report FILE writes {passed, failed} there.
import { spawn } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { checkFolderImports } from './check/folder-imports.ts';
import { checkTextContent } from './check/forbidden-content.ts';
import { checkForbiddenWords } from './check/forbidden-words.ts';
import { checkImportCycles } from './check/import-cycles.ts';
import { checkSpelling } from './check/spelling.ts';
import { run } from './setup/progress.js';

const root = join(import.meta.dirname, '..');
const { values } = parseArgs({ options: { report: { type: 'string' } } });

/** A check of the repository, which returns the problems that it found as text, or an empty string. */
type Check = () => Promise<string> | string;

const checks: Record<string, Check> = {
  'format and lint': program('biome', 'check', '--error-on-warnings'),
  'types of agent, gateway, scripts, tests': program('tsc', '-p', 'tsconfig.server.json'),
  'types of the dashboard': async () => {
    if (!existsSync(join(root, 'next-env.d.ts'))) await program('next', 'typegen')();
    return program('tsc', '-p', 'tsconfig.json')();
  },
  'imports keep to the table of folders': async () => checkFolderImports(root, await committed()).join('\n'),
  'imports form no circle': async () => checkImportCycles(root, await committed()).join('\n'),
  'no unused files, exports and packages': program('knip', '--no-progress'),
  'words are those of the glossary': async () => checkForbiddenWords(root, await committed()).join('\n'),
  spelling: () => checkSpelling(root),
  'no registry and no machine’s paths in files': async () =>
    checkTextContent(root, await committed()).join('\n'),
  'BPF objects are what the sources compile to': program('scripts/build-bpf.sh', '--check'),
  'docs/openapi.json is what the routes say': program('node', 'scripts/generate-openapi.ts', '--check'),
  'migrations lead to the database models': program('node', 'scripts/generate-sql.ts', '--check'),
};

let failed = 0;
for (const [name, check] of Object.entries(checks)) {
  const started = Date.now();
  const problem = await Promise.resolve(check()).catch((error: Error) => error.message);
  if (problem) failed++;
  console.log(`${problem ? '✗' : '✓'} ${name} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
  if (problem) console.log(problem.trimEnd().replaceAll(/^/gm, '    '));
}
const passed = Object.keys(checks).length - failed;
console.log(`${passed} checks passed, ${failed} failed`);
if (values.report) writeFileSync(values.report, JSON.stringify({ passed, failed }));
process.exitCode = failed > 0 ? 1 : 0;

/** Returns a check that runs a program and fails if its exit code is not 0. */
function program(command: string, ...args: string[]): () => Promise<string> {
  return () =>
    new Promise((resolve) => {
      const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
      let output = '';
      for (const stream of [child.stdout, child.stderr])
        stream.on('data', (chunk: Buffer) => (output += chunk));
      child.on('error', (error) => resolve(`${command} cannot be started: ${error.message}`));
      child.on('close', (code) => resolve(code === 0 ? '' : output || `${command} ended with ${code}`));
    });
}

/** Lists the files that Git tracks or would add. */
async function committed(): Promise<string[]> {
  const listed = await run('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], {
    cwd: root,
  });
  return listed.split('\0').filter((file) => file && existsSync(join(root, file)));
}

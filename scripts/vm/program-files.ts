import { existsSync, globSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { run } from '../setup/progress.js';
import { compileCache, fillCompileCache } from './compile-cache.ts';

const clone = join(import.meta.dirname, '../..');

/**
 * Runs programs natively, which fills the caches of compiled and transformed sources, and packs what they load together
 * with these caches. The guest unpacks it over the shared files: opening one of those takes it, emulated, milliseconds,
 * and the agent alone opens 2,300.
 * @param file the tar archive, for the guest's root
 * @param commands arguments of Node.js for each program, which has to end soon
 */
export async function packProgramFiles(
  file: string,
  commands: readonly (readonly string[])[],
): Promise<void> {
  const list = `${file}.list`;
  await fillCompileCache(commands, {
    NODE_OPTIONS: `--import=${join(import.meta.dirname, 'record-loaded-files.js')}`,
    PODLANE_LOADED_FILES: list,
  });
  const loaded = readFileSync(list, 'utf8').split('\n').filter(existsSync);
  const caches = [compileCache, join(clone, 'node_modules/.vitest-cache')].flatMap((folder) =>
    globSync(join(folder, '**/*'), { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name)),
  );
  const files = new Set([...loaded, ...loaded.flatMap(packageFilesAbove), ...caches]);
  writeFileSync(list, [...files].join('\n'));
  await run('tar', ['--create', '--file', file, '--absolute-names', '--files-from', list]);
  rmSync(list);
}

/** The package.json files that Node.js looks at to load a module. */
function packageFilesAbove(file: string): string[] {
  const found: string[] = [];
  for (let folder = dirname(file); folder.startsWith(clone); folder = dirname(folder)) {
    const candidate = join(folder, 'package.json');
    if (existsSync(candidate)) found.push(candidate);
  }
  return found;
}

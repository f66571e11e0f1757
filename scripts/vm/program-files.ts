import { existsSync, globSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { run } from '../setup/progress.js';
import { bundlePrograms } from './bundle-programs.ts';
import { compileCache, fillCompileCache } from './compile-cache.ts';

const clone = join(import.meta.dirname, '../..');

/**
 * Bundles programs, runs commands natively, which fills the caches of compiled and transformed sources, and packs what
 * both load together with these caches. The guest unpacks it over the shared files: opening one of those takes it,
 * emulated, milliseconds. In the guest a bundle is loaded where its program was.
 * @param file the tar archive, for the guest's root
 * @param programs paths within the clone
 * @param commands arguments of Node.js for each command, which has to end soon
 */
export async function packProgramFiles(
  file: string,
  programs: readonly string[],
  commands: readonly (readonly string[])[],
): Promise<void> {
  const list = `${file}.list`;
  const bundles = await bundlePrograms(programs);
  await fillCompileCache([...commands, loadOnly(bundles.files)], {
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
  await appendStandIns(file, bundles.standIns);
}

/** Arguments of Node.js for a command that compiles modules but runs none of them: the first that runs ends it. */
function loadOnly(modules: readonly string[]): string[] {
  const imports = ['data:text/javascript,process.exit()', ...modules];
  return [
    '--input-type=module',
    '--eval',
    imports.map((each) => `import ${JSON.stringify(each)};`).join('\n'),
  ];
}

/** Appends files to the archive under other paths than they have here. */
async function appendStandIns(archive: string, standIns: ReadonlyMap<string, string>): Promise<void> {
  const folder = `${archive}.stand-ins`;
  for (const [path, content] of standIns) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), content);
  }
  const paths = [...standIns.keys()].map((path) => `.${path}`);
  await run('tar', [
    ...['--append', '--file', archive, '--absolute-names', '--transform=s,^\\.,,'],
    ...['--directory', folder, ...paths],
  ]);
  rmSync(folder, { recursive: true });
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

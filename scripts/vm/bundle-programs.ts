import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Plugin, rolldown } from 'rolldown';

const clone = join(import.meta.dirname, '../..');
/** Within the clone, from where the packages that stay out of the bundles are found. */
const bundles = join(clone, '.cache/guest-programs');
/** Packages with native code, which they load from their own folders. */
const native = ['koffi', 'better-sqlite3'];

/** Lets each module of a bundle go on to find files and threads from where its source is. */
const keepSourcePaths: Plugin = {
  name: 'keep-source-paths',
  transform: {
    filter: { code: 'import.meta' },
    handler(code, id) {
      const paths = { url: pathToFileURL(id).href, dirname: dirname(id), filename: id };
      return code.replaceAll(/\bimport\.meta\.(url|dirname|filename)\b/g, (_, name: keyof typeof paths) =>
        JSON.stringify(paths[name]),
      );
    },
  },
};

/** Bundles of programs. */
export interface ProgramBundles {
  /** All files of the bundles. */
  files: string[];
  /** Contents of the file that takes the place of each program. */
  standIns: Map<string, string>;
}

/**
 * Bundles programs with all that they import: emulated, the agent takes half the time to load a few files instead of
 * the 2,300 that they are made of.
 * @param programs paths within the clone; what they have in common is bundled once
 */
export async function bundlePrograms(programs: readonly string[]): Promise<ProgramBundles> {
  const build = await rolldown({
    cwd: clone,
    platform: 'node',
    input: Object.fromEntries(programs.map((path) => [path.replaceAll(/[/.]/g, '-'), join(clone, path)])),
    external: native,
    plugins: [keepSourcePaths],
    onLog: () => {},
  });
  // Names tell contents, so that compiled code that is kept by name stays valid.
  const names = { entryFileNames: '[name]-[hash].js', chunkFileNames: '[name]-[hash].js' };
  const { output } = await build.generate({ format: 'esm', ...names });
  await build.close();
  mkdirSync(bundles, { recursive: true });
  const standIns = new Map<string, string>();
  const files = output.flatMap((made) => {
    if (made.type !== 'chunk') return [];
    const file = join(bundles, made.fileName);
    writeFileSync(file, made.code);
    if (made.isEntry && made.facadeModuleId)
      standIns.set(made.facadeModuleId, `export * from ${JSON.stringify(file)};\n`);
    return [file];
  });
  for (const name of readdirSync(bundles))
    if (!files.includes(join(bundles, name))) rmSync(join(bundles, name));
  return { files, standIns };
}

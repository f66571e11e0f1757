import { createHash } from 'node:crypto';
import { existsSync, globSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run, step } from '../setup/progress.js';
import { prepareAptFolder } from '../vm/apt-options.ts';
import { debianRelease, readNewestSources, unpackPackages } from '../vm/unpack-packages.ts';

/** Source package of libcni with cnitool: the one of Debian 12 has neither STATUS nor GC. */
const sourcePackage = 'golang-github-appc-cni';
/** The compiler, from the backports: that of Debian 12 is too old for this source. */
const compiler = { packages: ['golang-1.23-go', 'golang-1.23-src'], root: 'usr/lib/go-1.23' } as const;
const recipe = createHash('sha256')
  .update(JSON.stringify({ debianRelease, sourcePackage, compiler }))
  .digest('hex')
  .slice(0, 12);

const cache = join(import.meta.dirname, '../../.cache/cnitool');
const program = join(cache, recipe, 'cnitool');

/**
 * Builds cnitool, which drives CNI plugins by the real libcni, into this clone's cache unless it is there: downloads 70 MB,
 * takes a minute, and leaves 4 MB. Nothing is installed.
 * @returns its path
 * @throws Error when apt refuses, or this is not Debian 12
 */
export async function ensureCniTool(): Promise<string> {
  if (!existsSync(program)) await step('building cnitool', () => build());
  return program;
}

async function build(): Promise<void> {
  requireRelease();
  mkdirSync(cache, { recursive: true });
  const made = join(cache, `${recipe}.${process.pid}`);
  try {
    const root = join(made, 'root');
    await unpackPackages(compiler.packages, { folder: made, root, complete: false, backports: true });
    const source = await fetchSource(made);
    // The tests of the package need others' modules, cnitool itself does not.
    writeFileSync(join(source, 'go.mod'), 'module github.com/containernetworking/cni\n\ngo 1.23\n');
    const out = join(made, 'out');
    mkdirSync(out);
    await run(join(root, compiler.root, 'bin/go'), ['build', '-o', join(out, 'cnitool'), './cnitool'], {
      cwd: source,
      env: {
        GOROOT: join(root, compiler.root),
        GOPATH: join(made, 'gopath'),
        GOCACHE: join(made, 'gocache'),
        HOME: made,
        CGO_ENABLED: '0',
        GOPROXY: 'off',
        GOFLAGS: '-mod=mod',
        GOTOOLCHAIN: 'local',
        PATH: `${process.env.PATH}`,
      },
    });
    if (!existsSync(program)) renameSync(out, join(cache, recipe)); // else another process was faster
  } finally {
    rmSync(made, { recursive: true, force: true });
  }
}

function requireRelease(): void {
  const codename = /^VERSION_CODENAME=(\S+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1];
  if (codename !== debianRelease)
    throw new Error(
      `cnitool is built with the compiler of Debian 12's backports, from the sources of Debian's suite sid; this is ${codename ?? 'not Debian'}`,
    );
}

/** Downloads and unpacks the source package. @returns the folder of the source */
async function fetchSource(made: string): Promise<string> {
  const folder = join(made, 'source');
  mkdirSync(folder);
  const options = prepareAptFolder(join(made, 'apt-source'), 'source', readNewestSources());
  await run('apt-get', [...options, '-qq', 'update']);
  await run('apt-get', [...options, '-qq', '--download-only', 'source', sourcePackage], { cwd: folder });
  const [original] = globSync(join(folder, `${sourcePackage}_*.orig.tar.*`));
  if (original === undefined) throw new Error(`the source package ${sourcePackage} is not complete`);
  await run('tar', ['-xf', original, '-C', folder]);
  const [source] = globSync(join(folder, '*/cnitool'));
  if (source === undefined) throw new Error(`the source package ${sourcePackage} has no cnitool`);
  return join(source, '..');
}

import { globSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../setup/progress.js';
import { prepareAptFolder } from './apt-options.ts';
import { type AptSource, addBackportsSources, readAptSources } from './apt-sources.ts';

/** Debian 12, whose packages guests, images and clusters are made of. */
export const debianRelease = 'bookworm';

/** The machine's sources of the release, for binary or source packages. @throws Error if apt has none */
export function readReleaseSources(types: 'deb' | 'deb-src'): AptSource[] {
  const isOfRelease = ({ suites = '' }: AptSource): boolean =>
    suites.split(/\s+/).some((suite) => suite === debianRelease || suite.startsWith(`${debianRelease}-`));
  const own = readAptSources().filter(isOfRelease);
  if (own.length === 0)
    throw new Error(`apt has no source with the suite “${debianRelease}”: the packages come from it`);
  return own.map((source) => ({ ...source, types }));
}

/** The suite `sid` with the sources of Debian's newest packages, on the mirror and with the keyring of the release. */
export function readNewestSources(): AptSource[] {
  const mirror = readReleaseSources('deb-src').find(({ suites = '', components = '' }) =>
    [suites, components].every((text, index) => text.split(/\s+/).includes([debianRelease, 'main'][index] ?? '')),
  );
  if (mirror === undefined)
    throw new Error(`apt has no source with the suite “${debianRelease}” and the component “main”`);
  return [{ ...mirror, suites: 'sid', components: 'main' }];
}

/**
 * Downloads packages of the release and unpacks them into a folder. Nothing is installed, and no script of a package runs.
 * @param folder for lists and downloads, which are removed afterwards
 * @param complete true to unpack all dependencies, false for those that this machine lacks
 * @param backports true to take the packages themselves from the release's backports
 */
export async function unpackPackages(
  packages: readonly string[],
  {
    folder,
    root,
    complete,
    backports = false,
  }: { folder: string; root: string; complete: boolean; backports?: boolean },
): Promise<void> {
  const apt = join(folder, 'apt');
  const debs = join(folder, 'debs');
  mkdirSync(debs, { recursive: true });
  mkdirSync(root, { recursive: true });
  const own = readReleaseSources('deb');
  const sources = backports ? addBackportsSources(own, debianRelease) : own;
  const suite = backports ? `${debianRelease}-backports` : debianRelease;
  const options = prepareAptFolder(apt, 'packages', sources);
  if (complete) options.push('-o', 'Dir::State::status=/dev/null');
  await run('apt-get', [...options, '-qq', 'update']);
  const plan = await run('apt-get', [
    ...options,
    ...['-s', '--reinstall', '--allow-downgrades', 'install'],
    ...packages.map((name) => `${name}/${suite}`),
  ]);
  const exact = [...plan.matchAll(/^Inst (\S+) (?:\[\S+\] )?\((\S+)/gm)].map(
    ([, name, version]) => `${name}=${version}`,
  );
  await run('apt-get', [...options, '-qq', 'download', ...new Set(exact)], { cwd: debs });
  for (const file of globSync(join(debs, '*.deb'))) await run('dpkg-deb', ['--extract', file, root]);
  for (const part of [apt, debs]) rmSync(part, { recursive: true, force: true });
}

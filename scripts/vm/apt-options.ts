import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type AptSource, formatDeb822AptSources } from './apt-sources.ts';

/**
 * Makes a folder in which apt keeps its lists and downloads, apart from the system's.
 * @param name of the file with the sources
 * @returns options for apt-get and apt-cache
 */
export function prepareAptFolder(folder: string, name: string, sources: AptSource[]): string[] {
  for (const part of ['lists/partial', 'archives/partial', 'sources'])
    mkdirSync(join(folder, part), { recursive: true });
  writeFileSync(join(folder, `sources/${name}.sources`), formatDeb822AptSources(sources));
  return [
    'Dir::Etc::sourcelist=/dev/null',
    `Dir::Etc::sourceparts=${join(folder, 'sources')}`,
    `Dir::State::lists=${join(folder, 'lists')}`,
    `Dir::Cache=${folder}`,
    'APT::Sandbox::User=root',
    'APT::Install-Recommends=false',
    'Acquire::Retries=3',
    'Acquire::Languages=none',
  ].flatMap((option) => ['-o', option]);
}

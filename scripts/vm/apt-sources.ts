import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** One entry of apt's sources as deb822 fields with lowercase names (sources.list(5)). */
export type AptSource = Record<string, string>;

/**
 * Parses apt's one-line format, `deb [signed-by=… arch=…] URI SUITE COMPONENT…`, without comments and deb-src lines.
 */
export function parseOneLineAptSources(text: string): AptSource[] {
  return text.split('\n').flatMap((raw) => {
    const match = /^deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s*([^#]*)/.exec(raw.trim());
    if (!match) return [];
    const [, options = '', uris = '', suites = '', components] = match;
    const stanza: AptSource = { types: 'deb', uris, suites };
    if (components?.trim()) stanza.components = components.trim();
    for (const option of options.trim().split(/\s+/).filter(Boolean)) {
      const [, name, value] = /^([^=]*)=?(.*)$/.exec(option) as unknown as [string, string, string];
      stanza[deb822Names[name] ?? name] = value.replaceAll(',', ' ');
    }
    return [stanza];
  });
}

const deb822Names: Record<string, string> = { arch: 'architectures', lang: 'languages', target: 'targets' };

/** Parses apt's deb822 format; values that span several lines, such as an embedded key, keep their line breaks. */
export function parseDeb822AptSources(text: string): AptSource[] {
  const stanzas: AptSource[] = [];
  for (const paragraph of text.split(/\n[ \t]*\n/)) {
    const stanza: AptSource = {};
    let field = '';
    for (const line of paragraph.split('\n')) {
      if (line.startsWith('#')) continue;
      const named = /^([A-Za-z0-9-]+):\s*(.*)$/.exec(line);
      if (named) {
        const [, name = '', value = ''] = named;
        field = name.toLowerCase();
        stanza[field] = value.trim();
      } else if (field && /^[ \t]/.test(line)) {
        stanza[field] += `\n${line}`;
      }
    }
    if (stanza.enabled?.toLowerCase() === 'no' || !words(stanza.types).includes('deb')) continue;
    stanzas.push({ ...stanza, types: 'deb' });
  }
  return stanzas;
}

const words = (value = '') => value.split(/\s+/).filter(Boolean);

/** Reads all enabled binary package sources of the machine, from sources.list and both formats in sources.list.d. */
export function readAptSources(etc = '/etc/apt'): AptSource[] {
  const parts = join(etc, 'sources.list.d');
  const files = [join(etc, 'sources.list'), ...list(parts).map((name) => join(parts, name))];
  return files.flatMap((file) => {
    if (file.endsWith('.sources')) return parseDeb822AptSources(read(file));
    return file.endsWith('.list') ? parseOneLineAptSources(read(file)) : [];
  });
}

function list(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

/**
 * The machine's own sources of one Debian release, and the release's backports on the same mirror with the same keyring.
 * @throws when no source has the release's main suite
 */
export function addBackportsSources(sources: AptSource[], codename: string): AptSource[] {
  const own = sources.filter((source) =>
    words(source.suites).some((suite) => suite === codename || suite.startsWith(`${codename}-`)),
  );
  const mirror = own.find(
    (source) => words(source.suites).includes(codename) && words(source.components).includes('main'),
  );
  if (!mirror) {
    throw new Error(
      `apt has no source with the suite “${codename}” and the component “main”: the guest's packages come from it`,
    );
  }
  const backports = `${codename}-backports`;
  if (own.some((source) => words(source.suites).includes(backports))) return own;
  return [...own, { ...mirror, suites: backports, components: 'main' }];
}

/** Formats apt sources as a deb822 file. */
export function formatDeb822AptSources(stanzas: AptSource[]): string {
  return stanzas
    .map((stanza) =>
      Object.entries(stanza)
        .map(([name, value]) => `${name}: ${value}\n`)
        .join(''),
    )
    .join('\n');
}

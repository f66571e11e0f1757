import { describe, expect, test } from 'vitest';
import {
  addBackportsSources,
  formatDeb822AptSources,
  parseDeb822AptSources,
  parseOneLineAptSources,
} from '../../../scripts/vm/apt-sources.ts';

const mirror = 'http://mirror.example/debian';

describe('the one-line format', () => {
  test('options, comments and several components are read', () => {
    const text = `# a comment
deb [arch=amd64,arm64 signed-by=/usr/share/keyrings/k.gpg] ${mirror} bookworm main contrib # the rest
deb-src ${mirror} bookworm main
  deb ${mirror} ./
`;
    expect(parseOneLineAptSources(text)).toEqual([
      {
        types: 'deb',
        uris: mirror,
        suites: 'bookworm',
        components: 'main contrib',
        architectures: 'amd64 arm64',
        'signed-by': '/usr/share/keyrings/k.gpg',
      },
      { types: 'deb', uris: mirror, suites: './' },
    ]);
  });

  test('an option’s value may hold an equals sign', () => {
    expect(parseOneLineAptSources(`deb [x=a=b] ${mirror} bookworm main`)[0]).toMatchObject({ x: 'a=b' });
  });
});

describe('the deb822 format', () => {
  test('stanzas are reported apart, disabled and source-only ones left out', () => {
    const text = `Types: deb deb-src
# a comment inside
URIs: ${mirror}
Suites: bookworm bookworm-updates
Components: main

Enabled: no
Types: deb
URIs: ${mirror}
Suites: sid

Types: deb-src
URIs: ${mirror}
Suites: bookworm
`;
    expect(parseDeb822AptSources(text)).toEqual([
      { types: 'deb', uris: mirror, suites: 'bookworm bookworm-updates', components: 'main' },
    ]);
  });

  test('an embedded key keeps its lines, through writing too', () => {
    const text = `Types: deb
URIs: ${mirror}
Suites: bookworm
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 AAAA
`;
    const stanzas = parseDeb822AptSources(text);
    expect(stanzas[0]?.['signed-by']).toBe('\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n AAAA');
    expect(parseDeb822AptSources(formatDeb822AptSources(stanzas))).toEqual(stanzas);
  });
});

describe('the guest’s sources', () => {
  const main = {
    types: 'deb',
    uris: mirror,
    suites: 'bookworm bookworm-updates',
    components: 'main',
    'signed-by': 'K',
  };
  const security = {
    types: 'deb',
    uris: `${mirror}-security`,
    suites: 'bookworm-security',
    components: 'main',
  };
  const other = { types: 'deb', uris: 'http://other.example', suites: 'nodistro', components: 'main' };

  test('backports are added on the mirror and keyring of the main suite; foreign sources are left out', () => {
    expect(addBackportsSources([security, other, main], 'bookworm')).toEqual([
      security,
      main,
      { ...main, suites: 'bookworm-backports' },
    ]);
  });

  test('backports that the machine has already are not added again', () => {
    const backports = { ...main, suites: 'bookworm-backports' };
    expect(addBackportsSources([main, backports], 'bookworm')).toEqual([main, backports]);
  });

  test('a machine without the release’s main suite is refused by name', () => {
    expect(() => addBackportsSources([other, security], 'bookworm')).toThrow('suite “bookworm”');
  });
});

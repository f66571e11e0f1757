import { expect, test } from 'vitest';
import { findForbiddenContent } from '../../../scripts/check/forbidden-content.ts';

const registry = ['registry', 'example', 'org'].join('.');
const home = ['', 'home', 'somebody', 'project'].join('/');

test('a registry’s host is found with its line', () => {
  expect(findForbiddenContent('a.json', `{\n"resolved": "https://${registry}/x.tgz"\n}`)).toEqual([
    expect.stringMatching(/^a\.json:2 names a package registry/),
  ]);
});

test('a path below somebody’s home is found, whatever stands before it', () => {
  for (const text of [`cd ${home}`, `'${home}'`, `x=${home}`])
    expect(findForbiddenContent('a.sh', text)).toHaveLength(1);
});

test('hosts and paths that everybody has are left alone', () => {
  const text = 'http://127.0.0.1:7480 /usr/bin/chromium /sys/fs/bpf docs.kernel.org the home of /api/v1/pods';
  expect(findForbiddenContent('a.md', text)).toEqual([]);
});

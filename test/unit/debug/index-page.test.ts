import { expect, test } from 'vitest';
import type { DebugDumpFile, DebugDumpManifest, DebugDumpPart } from '../../../contract/debug-dump.ts';
import { renderDebugDumpIndexPage } from '../../../server/debug/index-page.ts';

const file = (path: string, more: Partial<DebugDumpFile> = {}): DebugDumpFile => ({
  path,
  part: 'network',
  title: path,
  command: `cat ${path}`,
  pod: null,
  ms: 1,
  takenAt: '2026-11-22T00:00:00.000Z',
  bytes: 2000,
  sha256: 'ab',
  problem: null,
  ...more,
});
const files = [
  file('host/ip/links.json'),
  file('host/a b&<c>.txt', { title: '<script>alert(1)</script>' }),
  file('host/tc/qdiscs.json', { bytes: null, sha256: null, problem: 'tc is not installed' }),
  file('pods/shop.cart/ip/links.json', { part: 'pods', pod: 'shop.cart' }),
];
const manifest: DebugDumpManifest = {
  format: 1,
  name: 'podlane-debug-x',
  takenAt: '2026-11-22T00:00:00.000Z',
  agent: true,
  podlane: '0',
  endedAt: '2026-11-22T00:00:01.000Z',
  maxBytes: 1,
  leftOut: ['Tokens.'],
  files,
  host: { name: 'node-1', kernel: '6.18', machine: 'x86_64', bootId: 'b' },
  tools: [{ name: 'bpftool', version: null }],
};
const part = (name: DebugDumpPart['name'], problems: DebugDumpPart['problems'] = []): DebugDumpPart => ({
  name,
  title: name,
  state: 'done',
  files: 1,
  bytes: 1,
  problems,
});
const page = renderDebugDumpIndexPage(
  manifest,
  [part('network', [{ path: 'host/tc/qdiscs.json', problem: 'tc is not installed' }]), part('pods')],
  [{ name: 'netkit', available: false, detail: 'EOPNOTSUPP', hint: 'needs CONFIG_NETKIT' }],
);

test('all elements are closed, and content of files never becomes an element', () => {
  const open: string[] = [];
  const body = page.replace(/^<!doctype html>/, '').replace(/<style>[^<]*<\/style>/, '');
  for (const [, closing, name, selfClosing] of body.matchAll(/<(\/?)([a-z][a-z0-9]*)[^<>]*?(\/?)>/g)) {
    if (closing) expect(open.pop()).toBe(name);
    else if (!selfClosing) open.push(name!);
  }
  expect(open).toEqual([]);
  expect(page).not.toContain('<script');
  expect(page).toContain('&#60;script&#62;');
});

test('it links to existing files, names missing ones, and loads nothing', () => {
  const links = Array.from(page.matchAll(/href="([^"#][^"]*)"/g), ([, href]) => href);
  expect(links).toContain('host/ip/links.json');
  expect(links).toContain('host/a%20b&%3Cc%3E.txt');
  expect(links).toContain('pods/shop.cart/ip/links.json');
  expect(links).not.toContain('host/tc/qdiscs.json');
  expect(page.match(/tc is not installed/g)).toHaveLength(2);
  expect(page).toContain('not installed');
  expect(page).toContain('needs CONFIG_NETKIT');
  expect(page).toContain('prefers-color-scheme: light');
  expect(page).not.toMatch(/src=|https?:\/\/|@import|url\(/);
  for (const [, anchor] of page.matchAll(/href="#([^"]+)"/g)) expect(page).toContain(`id="${anchor}"`);
});

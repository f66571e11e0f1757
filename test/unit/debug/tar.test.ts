import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { DebugDumpArchive } from '../../../server/debug/dump-archive.ts';
import { createTarPadding, encodeTarHeader, tarEndMarker } from '../../../server/debug/tar.ts';

function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'podlane-t-tar-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

const modified = new Date('2026-11-22T12:34:56Z');
const entry = (path: string, bytes = 0) => ({ path, bytes, mode: 0o644, modified });

test('tar(1) reads names, sizes, times and content as written', () => {
  const folder = scratch();
  const long = `${'deep/'.repeat(25)}${'n'.repeat(90)}.json`;
  const files = { 'a.txt': 'abc', 'folder/ä ö.txt': 'x'.repeat(512), [long]: '' };
  const blocks = Object.entries(files).flatMap(([path, text]) => [
    encodeTarHeader(entry(path, Buffer.byteLength(text))),
    Buffer.from(text),
    createTarPadding(Buffer.byteLength(text)),
  ]);
  const file = join(folder, 'archive.tar');
  writeFileSync(file, Buffer.concat([encodeTarHeader(entry('folder/')), ...blocks, tarEndMarker]));
  const list = execFileSync('tar', ['--quoting-style=literal', '--utc', '-tvf', file], { encoding: 'utf8' });
  expect(list).toMatch(/^-rw-r--r-- 0\/0 +3 2026-11-22 12:34 a\.txt$/m);
  for (const [path, text] of Object.entries(files))
    expect(execFileSync('tar', ['-xOf', file, path], { encoding: 'utf8' })).toBe(text);
});

test('a path that is too long for a header is refused', () => {
  expect(() => encodeTarHeader(entry('n'.repeat(101)))).toThrow(RangeError);
  expect(() => encodeTarHeader(entry(`${'p'.repeat(156)}/name`))).toThrow(RangeError);
  expect(encodeTarHeader(entry(`${'p'.repeat(155)}/${'n'.repeat(100)}`))).toHaveLength(512);
});

test('an aborted or failed archive leaves no file, and never deletes an existing one', async () => {
  const folder = scratch();
  const file = join(folder, 'a.tar.gz');
  const aborted = new DebugDumpArchive(file, 'a');
  await aborted.add('one', Buffer.alloc(1 << 20, 'x'), modified);
  await aborted.abort();
  expect(existsSync(file)).toBe(false);

  writeFileSync(file, 'there before');
  const refused = new DebugDumpArchive(file, 'a');
  await refused.add('one', Buffer.from('x'), modified).catch(() => {});
  await expect(refused.finish()).rejects.toMatchObject({ code: 'EEXIST' });
  expect(existsSync(file)).toBe(true);

  const nowhere = new DebugDumpArchive(join(folder, 'none/a.tar.gz'), 'a');
  await expect(nowhere.finish()).rejects.toMatchObject({ code: 'ENOENT' });
});

import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { DebugDumpArchive } from '../../../server/debug/dump-archive.ts';
import {
  addCommandOutput,
  hostDebugDumpTarget,
  toCompleteDebugDumpFile,
} from '../../../server/debug/dump-context.ts';
import { DebugDumpFiles } from '../../../server/debug/dump-files.ts';
import { findExternalTools, runCommand } from '../../../server/debug/external-tools.ts';

function collect({ maxBytes = 1 << 20, secrets = [] as string[] } = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'podlane-t-collection-'));
  const cancel = new AbortController();
  const archive = new DebugDumpArchive(join(folder, 'a.tar.gz'), 'a');
  let told = 0;
  const files = new DebugDumpFiles({
    archive,
    parts: ['kernel', 'network'],
    maxBytes,
    secrets,
    signal: cancel.signal,
    onProgress: () => {
      told += 1;
    },
  });
  onTestFinished(async () => {
    await archive.abort();
    expect(readdirSync(folder)).toEqual([]);
    rmSync(folder, { recursive: true });
  });
  return { files, cancel, progress: () => told };
}

const wanted = (path: string) => ({ path, title: path, command: `cat ${path}` });

test('a file that fails is recorded with the reason, and the others are added', async () => {
  const { files, progress } = collect();
  await files.collectPart('kernel', async () => {
    await files.add(wanted('one'), () => toCompleteDebugDumpFile('1'));
    await files.add(wanted('two'), () => {
      throw new Error('no such thing');
    });
    await files.add(wanted('half'), () => ({ bytes: Buffer.from('ha'), problem: 'took longer than 20 s' }));
    await files.add(wanted('empty'), () => toCompleteDebugDumpFile(''));
  });
  await files.collectPart('network', async () => {
    throw new Error('the whole part');
  });
  expect(files.files.map(({ path, bytes, problem }) => [path, bytes, problem])).toEqual([
    ['one', 1, null],
    ['two', null, 'no such thing'],
    ['half', 2, 'took longer than 20 s'],
    ['empty', 0, null],
  ]);
  const [kernel, network] = files.parts;
  expect(kernel).toMatchObject({ state: 'done', files: 3, bytes: 3 });
  expect(kernel!.problems.map(({ path }) => path)).toEqual(['two', 'half']);
  expect(network).toMatchObject({
    state: 'done',
    problems: [{ path: 'network/', problem: 'the whole part' }],
  });
  expect(progress()).toBeGreaterThanOrEqual(6);
});

test('a file over the limit is omitted, smaller files are still added, and a full archive is reported once', async () => {
  const { files } = collect();
  await files.collectPart('kernel', async () => {
    await files.add(wanted('most'), () => toCompleteDebugDumpFile('x'.repeat(700 << 10)));
    await files.add(wanted('too much'), () => toCompleteDebugDumpFile('x'.repeat(300 << 10)));
    await files.add(wanted('small'), () => toCompleteDebugDumpFile('x'));
    await files.add(wanted('rest'), () => toCompleteDebugDumpFile('x'.repeat(190 << 10)));
    let read = 0;
    for (let i = 0; i < 200; i++)
      await files.add(wanted(`${i}`), () => {
        read += 1;
        return toCompleteDebugDumpFile('');
      });
    expect(read).toBeLessThan(100);
  });
  const [kernel] = files.parts;
  expect(files.files.find(({ path }) => path === 'too much')).toMatchObject({ bytes: null, sha256: null });
  expect(files.files.find(({ path }) => path === 'small')).toMatchObject({ bytes: 1 });
  expect(kernel!.problems.at(-1)!.problem).toMatch(/^\d+ more files were omitted: the archive is full$/);
});

test('secrets are redacted in every file, and checksums are of the redacted files', async () => {
  const { files } = collect({ secrets: ['', 'hunter2'] });
  await files.collectPart('kernel', () =>
    files.add(wanted('log'), () => toCompleteDebugDumpFile('token hunter2, hunter2')),
  );
  expect(files.files[0]).toMatchObject({ bytes: Buffer.byteLength('token [redacted], [redacted]') });
});

test('a canceled collection ends at once with the reason', async () => {
  const { files, cancel } = collect();
  const taken = files.collectPart('kernel', async () => {
    await files.add(wanted('one'), () => {
      cancel.abort(new Error('cancelled by ada'));
      return toCompleteDebugDumpFile('1');
    });
    await files.add(wanted('two'), () => toCompleteDebugDumpFile('2'));
  });
  await expect(taken).rejects.toThrow('cancelled by ada');
});

test('a program that is not installed is recorded once per part, with its package', async () => {
  const { files } = collect();
  const tools = await findExternalTools('/nonexistent');
  await files.collectPart('network', async () => {
    for (const what of ['link', 'address'])
      expect(
        await addCommandOutput({ files, tools }, hostDebugDumpTarget, `ip/${what}.json`, what, [
          'ip',
          '-j',
          what,
        ]),
      ).toBeNull();
  });
  expect(files.files).toMatchObject([
    {
      path: 'host/ip/link.json',
      bytes: null,
      problem: expect.stringMatching(/^ip is not installed \(Debian package iproute2\)/),
    },
  ]);
});

test('progress reports the first problems of a part, the manifest all', async () => {
  const { files } = collect();
  await files.collectPart('kernel', async () => {
    for (let i = 0; i < 60; i++) await files.noteMissing(wanted(`${i}`), 'not there');
  });
  expect(files.files).toHaveLength(60);
  expect(files.parts[0]!.problems).toHaveLength(51);
  expect(files.parts[0]!.problems.at(-1)!.problem).toBe('10 more problems, see the manifest');
});

test('a program is killed at its limits or when canceled, and does not see our environment', async () => {
  const bounds = { withinMs: 5000, maxBytes: 100 };
  const sh = (script: string, more = {}) => runCommand(['/bin/sh', '-c', script], { ...bounds, ...more });
  expect(await sh('echo hi; echo no >&2; exit 3')).toEqual({ output: Buffer.from('hi\n'), problem: 'no' });
  expect(await sh('exec sleep 9', { withinMs: 50 })).toMatchObject({ problem: 'took longer than 0.05 s' });
  expect(await sh('exec yes')).toMatchObject({ problem: 'printed more than 100 bytes' });
  expect(await runCommand(['/nonexistent/x'], bounds)).toMatchObject({
    problem: expect.stringContaining('ENOENT'),
  });
  process.env.PODLANE_TEST_SECRET = 'x';
  onTestFinished(() => void delete process.env.PODLANE_TEST_SECRET);
  expect((await sh('echo [$PODLANE_TEST_SECRET]')).output.toString()).toBe('[]\n');
  const cancel = new AbortController();
  const running = sh('exec sleep 9', { signal: cancel.signal });
  cancel.abort(new Error('cancelled'));
  await expect(running).rejects.toThrow('cancelled');
});

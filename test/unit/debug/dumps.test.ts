import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import type { DebugDump } from '../../../contract/debug-dump.ts';
import { maxStoredDebugDumps } from '../../../contract/limits.ts';
import { DebugDumps } from '../../../server/debug/debug-dumps.ts';
import { LogLineRing } from '../../../server/debug/log-ring.ts';

function keeping(...kept: Partial<DebugDump>[]) {
  const folder = join(mkdtempSync(join(tmpdir(), 'podlane-t-dumps-')), 'dumps');
  mkdirSync(folder);
  for (const dump of kept.map(record)) {
    writeFileSync(join(folder, `${dump.id}.json`), JSON.stringify(dump));
    writeFileSync(join(folder, `${dump.id}.tar.gz`), 'archive');
  }
  onTestFinished(() => rmSync(join(folder, '..'), { recursive: true }));
  const open = () => {
    const dumps = new DebugDumps({
      folder,
      pins: '/sys/fs/bpf/none',
      podlane: '0',
      capabilities: () => [],
      configuration: {},
      secrets: [],
      lines: new LogLineRing(),
      log: pino({ level: 'silent' }),
    });
    onTestFinished(() => dumps.close());
    return dumps;
  };
  return { folder, open };
}

const record = (more: Partial<DebugDump>): DebugDump => ({
  id: 'a',
  name: 'podlane-debug-a',
  actor: 'ada',
  state: 'done',
  reason: null,
  parts: [],
  startedAt: new Date().toISOString(),
  endedAt: new Date().toISOString(),
  maxBytes: 1,
  files: 1,
  unpackedBytes: 1,
  archiveBytes: 7,
  sha256: 'ab',
  ...more,
});
const ago = (hours: number) => new Date(Date.now() - hours * 3_600_000).toISOString();

test('a starting agent loads the last few archives of the day and deletes the others', () => {
  const { folder, open } = keeping(
    ...Array.from({ length: maxStoredDebugDumps + 1 }, (_, hours) => ({
      id: `h${hours}`,
      startedAt: ago(hours),
    })),
    { id: 'old', startedAt: ago(25) },
  );
  expect(
    open()
      .list()
      .map(({ id }) => id),
  ).toEqual(['h0', 'h1', 'h2']);
  expect(readdirSync(folder).sort()).toEqual(
    ['h0', 'h1', 'h2'].flatMap((id) => [`${id}.json`, `${id}.tar.gz`]),
  );
});

test('incomplete, unreadable and orphaned files are deleted; other files stay', () => {
  const { folder, open } = keeping({ id: 'good' }, { id: 'bad' }, { id: 'bare' });
  writeFileSync(join(folder, 'bad.json'), '{');
  rmSync(join(folder, 'bare.tar.gz'));
  writeFileSync(join(folder, 'half.tar.gz.part'), 'x');
  writeFileSync(join(folder, 'notes.txt'), 'x');
  const dumps = open();
  expect(dumps.list().map(({ id }) => id)).toEqual(['good']);
  expect(readdirSync(folder).sort()).toEqual(['good.json', 'good.tar.gz', 'notes.txt']);
  expect(dumps.archive('good')).toEqual({
    file: join(folder, 'good.tar.gz'),
    name: 'podlane-debug-a.tar.gz',
    bytes: 7,
  });
  expect(() => dumps.archive('bad')).toThrow(expect.objectContaining({ code: 'dump_not_found' }));
});

test('deleting a dump removes its files and publishes an event', async () => {
  const { folder, open } = keeping({ id: 'a' });
  const dumps = open();
  const told: string[] = [];
  dumps.on('dump-removed', (id) => told.push(id));
  await dumps.remove('a');
  expect(readdirSync(folder)).toEqual([]);
  expect(told).toEqual(['a']);
  await expect(dumps.remove('a')).rejects.toMatchObject({ code: 'dump_not_found' });
});

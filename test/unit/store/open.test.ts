import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import Database from 'better-sqlite3';
import { expect, onTestFinished, test } from 'vitest';
import { SqliteStore } from '../../../server/store/sqlite-store.ts';
import { newDevice, newPod, node } from './records.ts';
import { openTemporaryStore, temporaryFolder } from './temporary-store.ts';

const refusal = (file: string, detail: RegExp, hint: RegExp) =>
  expect(SqliteStore.open({ file, node })).rejects.toMatchObject({
    code: 'store_failed',
    message: expect.stringMatching(new RegExp(`${file}.*${detail.source}`)),
    hint: expect.stringMatching(hint),
  });

test('a file that is not a database is refused by name and left unchanged', async () => {
  const file = path.join(temporaryFolder(), 'podlane.db');
  fs.writeFileSync(file, 'certainly not a database '.repeat(500));
  await refusal(file, /file is not a database/, /pods keep their network/);
  expect(fs.readFileSync(file, 'utf8')).toMatch(/^certainly/);
});

test('a file with a damaged page is refused', { timeout: 30_000 }, async () => {
  const { store, file } = await openTemporaryStore();
  for (let i = 0; i < 200; i++) {
    await store.addPod(newPod(`p${i}`, `10.0.0.${i}/32`), newDevice(`id-p${i}`, i));
  }
  await store.close();
  const { size } = fs.statSync(file);
  const handle = fs.openSync(file, 'r+');
  for (let at = 8 * 4096; at + 4096 <= size; at += 4096)
    fs.writeSync(handle, Buffer.alloc(512, 0xa5), 0, 512, at);
  fs.closeSync(handle);
  await refusal(file, /(quick_check|malformed)/, /pods keep their network/);
});

test('a path that cannot be a file is refused', async () => {
  const folder = temporaryFolder();
  await refusal(folder, /unable to open database file/, /writable/);
  fs.writeFileSync(path.join(folder, 'file'), '');
  await refusal(path.join(folder, 'file', 'podlane.db'), /(ENOTDIR|EEXIST)/, /writable/);
});

test('a database of a newer build is refused', async () => {
  const { store, file } = await openTemporaryStore();
  await store.close();
  const database = new Database(file);
  database.exec(
    `INSERT INTO _prisma_migrations (id, checksum, finished_at, migration_name) VALUES ('1', 'x', CURRENT_TIMESTAMP, '29990101000000_later')`,
  );
  database.close();
  await refusal(file, /newer Podlane \(schema 29990101000000_later\)/, /the Podlane that wrote it/);
});

test('two agents cannot use one file; the second can after the first was killed', {
  timeout: 30_000,
}, async () => {
  const file = path.join(temporaryFolder(), 'podlane.db');
  const writer = spawn(process.execPath, [path.join(import.meta.dirname, 'writer.ts'), file, '0']);
  onTestFinished(() => void writer.kill('SIGKILL'));
  await once(writer.stdout.resume(), 'data');
  await refusal(file, /database is locked/, /another agent/);
  writer.kill('SIGKILL');
  await once(writer, 'exit');
  await openTemporaryStore(file);
});

import fs from 'node:fs';
import path from 'node:path';
import { PrismaBetterSqlite3 } from '@prisma/adapter-better-sqlite3';
import { ProblemError } from '../../contract/problem.ts';
import type { DatabaseConnection } from './database-connection.ts';
import { applySchemaMigrations } from './schema-migrations.ts';
import { describeSqliteError } from './sqlite-error.ts';

/** Milliseconds that a statement waits for another process's lock before SQLite returns SQLITE_BUSY. */
const busyTimeoutMs = 1000;

/**
 * Opens the SQLite file for this process alone: locks it against a second agent, checks its pages, and migrates its
 * schema to this build's.
 * @returns the one connection that Prisma may use, because the pragmas belong to the connection
 * @throws ProblemError `store_failed`, which names the file, SQLite's error and the remedy
 */
export async function openDatabase(file: string): Promise<DatabaseConnection> {
  let connection: DatabaseConnection | undefined;
  try {
    makePrivate(file);
    // SQLite opens a file that it may not write as read-only, and fails later without saying why.
    for (const accessed of [path.dirname(file), file])
      if (fs.existsSync(accessed)) fs.accessSync(accessed, fs.constants.R_OK | fs.constants.W_OK);
    connection = await new PrismaBetterSqlite3({ url: `file:${file}`, timeout: busyTimeoutMs }).connect();
    // The lock is the kernel's (fcntl), so a killed agent leaves none. Set before the first access, the mode also
    // keeps the WAL index in memory.
    await connection.executeScript(`
      PRAGMA locking_mode = EXCLUSIVE;
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = NORMAL;`);
    await checkPages(connection, file);
    await applySchemaMigrations(connection, file);
    await connection.executeScript('PRAGMA foreign_keys = ON;');
    return connection;
  } catch (error) {
    await connection?.dispose();
    if (error instanceof ProblemError) throw error;
    throw openFailed(file, error);
  }
}

/**
 * Makes the file and its folder readable for this user alone: they hold rules, labels and events. SQLite
 * gives its further files the mode of the database. A folder that is others' as well keeps its mode.
 */
function makePrivate(file: string): void {
  const folder = path.dirname(file);
  const made = fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
  const names = [path.basename(file), `${path.basename(file)}-wal`, `${path.basename(file)}-shm`];
  // A folder with a database and nothing but the agent's files was made by an earlier version; others are not ours.
  const own =
    fs.existsSync(file) &&
    fs.readdirSync(folder).every((name) => [...names, 'builds', 'dumps'].includes(name));
  if (made === undefined && own) fs.chmodSync(folder, 0o700);
  if (!fs.existsSync(file)) fs.closeSync(fs.openSync(file, 'a', 0o600));
  for (const name of names) {
    const each = path.join(folder, name);
    if (fs.existsSync(each)) fs.chmodSync(each, 0o600);
  }
}

async function checkPages(connection: DatabaseConnection, file: string): Promise<void> {
  const { rows } = await connection.queryRaw({ sql: 'PRAGMA quick_check(5)', args: [], argTypes: [] });
  const faults = rows.map(([line]) => String(line));
  if (faults.length === 1 && faults[0] === 'ok') return;
  throw new ProblemError(
    'store_failed',
    `open the database ${file}: PRAGMA quick_check reports ${faults.join('; ')}`,
    { hint: restoreHint(file) },
  );
}

function openFailed(file: string, cause: unknown): ProblemError {
  const { code, message } = describeSqliteError(cause);
  return new ProblemError('store_failed', `open the database ${file}: ${message} (${code})`, {
    cause,
    hint: openHint(code, file),
  });
}

function openHint(code: string, file: string): string {
  if (code.startsWith('SQLITE_BUSY') || code === 'SQLITE_LOCKED')
    return `another process has ${file} open, probably another agent: stop it, or give this one its own --database`;
  if (code === 'SQLITE_FULL' || code === 'ENOSPC')
    return `free space on the file system of ${file}, then start again`;
  if (code === 'SQLITE_NOTADB' || code.startsWith('SQLITE_CORRUPT')) return restoreHint(file);
  return `make ${file} and its folder writable for the agent, or choose another --database`;
}

const restoreHint = (file: string) =>
  `the pods keep their network; restore ${file} from a backup, or move it away to start with an empty database`;

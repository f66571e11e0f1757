import fs from 'node:fs';
import path from 'node:path';
import { PrismaBetterSqlite3 } from '@prisma/adapter-better-sqlite3';
import { ProblemError } from '../../contract/problem.ts';
import { sqliteAnswer } from './sqlite-error.ts';
import { applyMigrations } from './schema-migrations.ts';

export type Connection = Awaited<ReturnType<PrismaBetterSqlite3['connect']>>;

/** How long a statement waits for a lock of another process before SQLite answers SQLITE_BUSY. */
const busyTimeoutMs = 1000;

/**
 * Opens the inventory's SQLite file, alone: locks it against a second agent, checks its pages and brings its
 * tables to this build's schema.
 * @returns the one connection; Prisma is to use this one, since the pragmas are the connection's
 * @throws ProblemError `inventory_failed`: names the file, what SQLite answered and what to do
 */
export async function openDatabase(file: string): Promise<Connection> {
  let connection: Connection | undefined;
  try {
    fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o755 });
    // SQLite opens what it may not write for reading only, and fails later by words that do not say why.
    for (const place of [path.dirname(file), file])
      if (fs.existsSync(place)) fs.accessSync(place, fs.constants.R_OK | fs.constants.W_OK);
    connection = await new PrismaBetterSqlite3({ url: `file:${file}`, timeout: busyTimeoutMs }).connect();
    // The lock is the kernel's (fcntl), so a killed agent leaves none. Set before the first access, it also
    // keeps the WAL's index in memory.
    await connection.executeScript(`
      PRAGMA locking_mode = EXCLUSIVE;
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = NORMAL;`);
    await check(connection, file);
    await applyMigrations(connection, file);
    await connection.executeScript('PRAGMA foreign_keys = ON;');
    return connection;
  } catch (error) {
    await connection?.dispose();
    if (error instanceof ProblemError) throw error;
    throw cannotOpen(file, error);
  }
}

async function check(connection: Connection, file: string): Promise<void> {
  const { rows } = await connection.queryRaw({ sql: 'PRAGMA quick_check(5)', args: [], argTypes: [] });
  const found = rows.map(([line]) => String(line));
  if (found.length === 1 && found[0] === 'ok') return;
  throw new ProblemError(
    'inventory_failed',
    `open the inventory ${file}: PRAGMA quick_check found ${found.join('; ')}`,
    { hint: replaceHint(file) },
  );
}

function cannotOpen(file: string, cause: unknown): ProblemError {
  const { code, message } = sqliteAnswer(cause);
  return new ProblemError('inventory_failed', `open the inventory ${file}: ${message} (${code})`, {
    cause,
    hint: hintFor(code, file),
  });
}

function hintFor(code: string, file: string): string {
  if (code.startsWith('SQLITE_BUSY') || code === 'SQLITE_LOCKED')
    return `another process has ${file} open, probably another agent: stop it, or give this one its own --database`;
  if (code === 'SQLITE_FULL' || code === 'ENOSPC')
    return `free space on the file system of ${file}, then start again`;
  if (code === 'SQLITE_NOTADB' || code.startsWith('SQLITE_CORRUPT')) return replaceHint(file);
  return `make ${file} and its folder writable for the agent, or choose another --database`;
}

const replaceHint = (file: string) =>
  `the pods keep their network; restore ${file} from a copy, or move it away to start with an empty inventory`;

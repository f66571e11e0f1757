import { createHash, randomUUID } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { ProblemError } from '../../contract/problem.ts';
import type { DatabaseConnection } from './database-connection.ts';

const migrationsDir = path.join(import.meta.dirname, '../../prisma/sqlite/migrations');

/**
 * SQL of Prisma's table of applied migrations, which is kept so that `prisma migrate status` reports the correct
 * state.
 */
const appliedTable = `CREATE TABLE IF NOT EXISTS "_prisma_migrations" (
  "id" VARCHAR(36) PRIMARY KEY NOT NULL,
  "checksum" VARCHAR(64) NOT NULL,
  "finished_at" DATETIME,
  "migration_name" VARCHAR(255) NOT NULL,
  "logs" TEXT,
  "rolled_back_at" DATETIME,
  "started_at" DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP,
  "applied_steps_count" INTEGER NOT NULL DEFAULT 0
);`;

interface SchemaMigration {
  name: string;
  sql: string;
  checksum: string;
}

/**
 * Migrates the tables to this build's schema: runs each SQL file of `prisma/sqlite/migrations` that the database has
 * not recorded yet, together with its record in one transaction.
 * @throws ProblemError `store_failed` when the file was written by a newer build
 */
export async function applySchemaMigrations(connection: DatabaseConnection, file: string): Promise<void> {
  await connection.executeScript(appliedTable);
  const applied = await appliedMigrations(connection);
  const known = committedMigrations();
  refuseNewer(file, applied, known);
  for (const migration of known) if (!applied.has(migration.name)) await apply(connection, migration);
}

async function appliedMigrations(connection: DatabaseConnection): Promise<Map<string, string>> {
  const { rows } = await connection.queryRaw({
    sql: 'SELECT migration_name, checksum FROM "_prisma_migrations" WHERE finished_at IS NOT NULL',
    args: [],
    argTypes: [],
  });
  return new Map(rows.map(([name, checksum]) => [String(name), String(checksum)]));
}

function committedMigrations(): SchemaMigration[] {
  return fs
    .readdirSync(migrationsDir, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => {
      const sql = fs.readFileSync(path.join(migrationsDir, name, 'migration.sql'), 'utf8');
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function refuseNewer(file: string, applied: Map<string, string>, known: SchemaMigration[]): void {
  const checksums = new Map(known.map(({ name, checksum }) => [name, checksum]));
  for (const [name, checksum] of applied) {
    if (checksums.get(name) === checksum) continue;
    throw new ProblemError(
      'store_failed',
      checksums.has(name)
        ? `open the database ${file}: its schema ${name} differs from this build's schema of that name`
        : `open the database ${file}: it was written by a newer Podlane (schema ${name})`,
      { hint: `start the Podlane that wrote it, or choose another --database; the pods keep their network` },
    );
  }
}

async function apply(
  connection: DatabaseConnection,
  { name, sql, checksum }: SchemaMigration,
): Promise<void> {
  // SQLite alters a table by copying and dropping it. With foreign keys on, the drop would cascade to child rows;
  // inside a transaction the pragma has no effect.
  await connection.executeScript('PRAGMA foreign_keys = OFF;');
  try {
    await connection.executeScript(`BEGIN;
${sql};
INSERT INTO "_prisma_migrations" (id, checksum, finished_at, migration_name, applied_steps_count)
VALUES ('${randomUUID()}', '${checksum}', CURRENT_TIMESTAMP, '${name}', 1);
COMMIT;`);
  } catch (error) {
    // A statement that fails for lack of space has already rolled back; then there is no transaction to roll back.
    await connection.executeScript('ROLLBACK;').catch(() => {});
    throw error;
  }
}

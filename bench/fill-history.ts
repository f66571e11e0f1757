import Database from 'better-sqlite3';
import { defaultRetentionLimits } from '../server/store/retention.ts';
import { rowsBetweenPrunings } from '../server/store/sqlite-store.ts';

/**
 * Fills a database with as much history as it ever keeps, by copies of what is there, so that what it grows by
 * afterwards is a leak. The agent must not run.
 */
export function fillHistoryDatabase(file: string): void {
  const database = new Database(file);
  const fill = (table: string, limit: number, which: string, fresh: Record<string, string> = {}): void => {
    const columns = (database.pragma(`table_info("${table}")`) as { name: string; pk: number }[])
      .filter(({ pk }) => pk === 0)
      .map(({ name }) => name);
    const values = columns.map((name) => fresh[name] ?? `it."${name}"`);
    database.exec(`
      WITH RECURSIVE times(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM times WHERE i < ${limit + rowsBetweenPrunings})
      INSERT INTO "${table}" (${columns.map((name) => `"${name}"`).join(', ')})
      SELECT ${values.join(', ')} FROM (SELECT * FROM "${table}" WHERE ${which}) AS it, times`);
  };
  try {
    for (const { id } of database.prepare('SELECT id FROM "Pod"').all() as { id: string }[]) {
      const oneOf = (table: string, condition: string): string =>
        `"${table === 'Migration' ? 'number' : 'id'}" = (SELECT max("${table === 'Migration' ? 'number' : 'id'}") FROM "${table}" WHERE "podId" = '${id}' AND ${condition})`;
      fill('Migration', defaultRetentionLimits.migrationsPerPod, oneOf('Migration', `state = 'done'`), {
        id: 'lower(hex(randomblob(18)))',
      });
      fill('Device', defaultRetentionLimits.devicesPerPod, oneOf('Device', '"removedAt" IS NOT NULL'));
    }
    fill(
      'Event',
      defaultRetentionLimits.events,
      `id = (SELECT max(id) FROM "Event" WHERE type = 'migration.done')`,
    );
  } finally {
    database.close();
  }
}

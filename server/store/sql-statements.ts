import type { DatabaseConnection } from './database-connection.ts';

/** Transaction on the one connection to the database. */
export type DatabaseTransaction = Awaited<ReturnType<DatabaseConnection['startTransaction']>>;
type SqlQuery = Parameters<DatabaseConnection['queryRaw']>[0];
type SqlValue = string | number | bigint | null;

/** Builds a statement of the driver adapter. */
export const statement = (sql: string, args: readonly SqlValue[]): SqlQuery => ({
  sql,
  args: [...args],
  argTypes: args.map(() => ({ scalarType: 'unknown', arity: 'scalar' }) as const),
});

/** Formats a time as Prisma's adapter stores it. */
export const formatTime = (time: Date): string => time.toISOString().replace('Z', '+00:00');

/** Runs statements as one transaction, which is rolled back when `work` fails. */
export async function runTransaction<T>(
  connection: DatabaseConnection,
  work: (transaction: DatabaseTransaction) => Promise<T>,
): Promise<T> {
  const transaction = await connection.startTransaction('SERIALIZABLE');
  try {
    const result = await work(transaction);
    await transaction.executeRaw(statement('COMMIT', []));
    await transaction.commit();
    return result;
  } catch (error) {
    // A statement that fails for lack of space has already rolled back; then there is nothing to roll back.
    await transaction.executeRaw(statement('ROLLBACK', [])).catch(() => {});
    await transaction.rollback();
    throw error;
  }
}

type Statements = Pick<DatabaseConnection, 'queryRaw' | 'executeRaw'>;

/** Inserts a row. */
export async function insertRow(
  connection: Statements,
  table: string,
  row: Readonly<Record<string, SqlValue>>,
): Promise<void> {
  const columns = Object.keys(row);
  const names = columns.map((name) => `"${name}"`).join(', ');
  const places = columns.map(() => '?').join(', ');
  await connection.executeRaw(
    statement(`INSERT INTO "${table}" (${names}) VALUES (${places})`, Object.values(row)),
  );
}

/** Returns the number that SQLite gave the row that was inserted last. */
export async function readInsertedId(connection: Statements): Promise<number> {
  const { rows } = await connection.queryRaw(statement('SELECT last_insert_rowid()', []));
  return Number(rows[0]?.[0]);
}

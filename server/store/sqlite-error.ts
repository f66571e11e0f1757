/**
 * Finds the error of SQLite or the file system below the layers that wrap it: better-sqlite3's `SqliteError`, the
 * adapter's `DriverAdapterError`, Prisma's request error, Node's system error.
 * @returns the name of SQLite's result code or of the errno, and its message
 */
export function describeSqliteError(error: unknown): { code: string; message: string } {
  for (let at = error, depth = 0; isObject(at) && depth < 8; depth++) {
    if (typeof at.originalMessage === 'string')
      return { code: String(at.originalCode), message: at.originalMessage };
    if (typeof at.code === 'string' && /^(SQLITE_|E[A-Z]+$)/.test(at.code))
      return { code: at.code, message: String(at.message) };
    at = at.cause ?? (isObject(at.meta) ? at.meta.driverAdapterError : undefined);
  }
  return { code: 'no code', message: error instanceof Error ? error.message : String(error) };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;

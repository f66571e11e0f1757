import type { PrismaBetterSqlite3 } from '@prisma/adapter-better-sqlite3';

/** Connection of Prisma's SQLite driver adapter. */
export type DatabaseConnection = Awaited<ReturnType<PrismaBetterSqlite3['connect']>>;

// Writes the SQL that takes the committed migrations to prisma/models.prisma, as `prisma migrate dev` would,
// without its engine binary: the engine built for WebAssembly plays the migrations on a real SQLite in memory.
//   node scripts/generate-sql.ts NAME      writes prisma/sqlite/migrations/<time>_NAME/migration.sql
//   node scripts/generate-sql.ts --check   fails when the models need SQL that no migration has
import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { PrismaBetterSqlite3 } from '@prisma/adapter-better-sqlite3';
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils';
import { SchemaEngine } from '@prisma/schema-engine-wasm';

const root = path.join(import.meta.dirname, '..');
const schemaDir = path.join(root, 'prisma/sqlite');
const migrationsDir = path.join(schemaDir, 'migrations');

/**
 * SQLite in memory, for an engine that plays a whole migration as one `executeRaw` (which takes a single
 * statement) and quotes a string with double quotes (which better-sqlite3 is built to refuse).
 */
class ScratchDatabase extends PrismaBetterSqlite3 {
  override async connectToShadowDb() {
    const database = await super.connectToShadowDb();
    const queryRaw = database.queryRaw.bind(database);
    database.queryRaw = (query) =>
      queryRaw({ ...query, sql: query.sql.replace(/ name = "([^"]*)"/, " name = '$1'") });
    database.executeRaw = async ({ sql }) => {
      await database.executeScript(sql);
      return 0;
    };
    return database;
  }
}

function readMigrations() {
  const names = fs.existsSync(migrationsDir) ? fs.readdirSync(migrationsDir).sort() : [];
  return names
    .filter((name) => fs.existsSync(path.join(migrationsDir, name, 'migration.sql')))
    .map((name) => ({
      path: name,
      migrationFile: {
        path: 'migration.sql',
        content: {
          tag: 'ok' as const,
          value: fs.readFileSync(path.join(migrationsDir, name, 'migration.sql'), 'utf8'),
        },
      },
    }));
}

/** Returns the SQL that turns the committed migrations' schema into the models' schema; empty if they are equal. */
async function missingSql(): Promise<string> {
  const files = ['datasource.prisma', 'models.prisma'].map((name) => ({
    path: path.join(schemaDir, name),
    content: fs.readFileSync(path.join(schemaDir, name), 'utf8'),
  }));
  const engine = await SchemaEngine.new(
    { datamodels: files.map(({ path, content }): [string, string] => [path, content]) },
    () => {},
    bindMigrationAwareSqlAdapterFactory(new ScratchDatabase({ url: ':memory:' })),
  );
  const { stdout } = await engine.diff({
    from: {
      tag: 'migrations',
      baseDir: migrationsDir,
      lockfile: { path: 'migration_lock.toml', content: 'provider = "sqlite"\n' },
      shadowDbInitScript: '',
      migrationDirectories: readMigrations(),
    },
    to: { tag: 'schemaDatamodel', files },
    script: true,
    exitCode: null,
    filters: { externalTables: [], externalEnums: [] },
  });
  const sql = stdout ?? '';
  return /^\s*(--.*\s*)*$/.test(sql) ? '' : sql;
}

const { values, positionals } = parseArgs({
  options: { check: { type: 'boolean' } },
  allowPositionals: true,
});
const sql = await missingSql();
if (values.check) {
  if (sql !== '') {
    process.stderr.write(`prisma/models.prisma needs SQL that no migration has; write it with
  node scripts/generate-sql.ts NAME\n\n${sql}`);
    process.exitCode = 1;
  }
} else if (sql === '') {
  process.stderr.write('the migrations are up to the models already\n');
} else {
  const [name] = positionals;
  if (name === undefined || !/^[a-z0-9_]+$/.test(name)) {
    throw new Error('usage: node scripts/generate-sql.ts NAME | --check');
  }
  const stamp = new Date().toISOString().replace(/\D/g, '').slice(0, 14);
  const dir = path.join(migrationsDir, `${stamp}_${name}`);
  fs.mkdirSync(dir, { recursive: true });
  fs.writeFileSync(path.join(dir, 'migration.sql'), sql);
  process.stderr.write(`wrote ${path.relative(root, dir)}/migration.sql\n`);
}

import type { Migration, MigrationResult } from '../../contract/migration.ts';
import type { PrismaClient } from './client/client.ts';
import type { MigrationModel } from './client/models.ts';
import { toOlderRowsFilter, toPodFilter, toResultPage } from './paginate.ts';
import type { PageRequest, ResultPage } from './records.ts';

const toMigration = (row: MigrationModel): Migration => ({
  id: row.id,
  number: row.number,
  podId: row.podId,
  podNamespace: row.podNamespace,
  podName: row.podName,
  direction: row.direction as Migration['direction'],
  from: JSON.parse(row.from) as Migration['from'],
  to: JSON.parse(row.to) as Migration['to'],
  actor: row.actor,
  state: row.state as Migration['state'],
  startedAt: row.startedAt.toISOString(),
  endedAt: row.endedAt?.toISOString() ?? null,
  durationMs: row.durationMs,
  steps: JSON.parse(row.steps) as Migration['steps'],
  result: row.result === null ? null : parseResult(row.result),
  error: row.error === null ? null : (JSON.parse(row.error) as Migration['error']),
});

/** Returns the journal columns that change while a migration runs: state, end, duration, steps, result and error. */
const toProgressColumns = (migration: Migration) => ({
  state: migration.state,
  endedAt: migration.endedAt === null ? null : new Date(migration.endedAt),
  durationMs: migration.durationMs,
  steps: JSON.stringify(migration.steps),
  result: migration.result === null ? null : JSON.stringify(migration.result),
  error: migration.error === null ? null : JSON.stringify(migration.error),
});

export async function addMigration(
  prisma: PrismaClient,
  migration: Migration,
  networkState: string | null,
): Promise<Migration> {
  const { id, podId, podNamespace, podName, direction, actor } = migration;
  const row = await prisma.migration.create({
    data: {
      id,
      podId,
      podNamespace,
      podName,
      direction,
      actor,
      ...toProgressColumns(migration),
      from: JSON.stringify(migration.from),
      to: JSON.stringify(migration.to),
      startedAt: new Date(),
      networkState,
    },
  });
  return toMigration(row);
}

export async function saveMigration(prisma: PrismaClient, migration: Migration): Promise<void> {
  const { count } = await prisma.migration.updateMany({
    where: { id: migration.id },
    data: {
      ...toProgressColumns(migration),
      ...(migration.state === 'running' ? {} : { networkState: null }),
    },
  });
  if (count !== 1) throw new Error(`save migration ${migration.id}: the journal does not have it`);
}

export async function readOpenMigrations(prisma: PrismaClient): Promise<Migration[]> {
  const rows = await prisma.migration.findMany({ where: { state: 'running' }, orderBy: { number: 'asc' } });
  return rows.map(toMigration);
}

/** Returns the recorded network state of a migration that is not ended, or null. */
export async function readNetworkState(prisma: PrismaClient, id: string): Promise<string | null> {
  const row = await prisma.migration.findUnique({ where: { id }, select: { networkState: true } });
  return row?.networkState ?? null;
}

export async function readMigration(prisma: PrismaClient, id: string): Promise<Migration | null> {
  const row = await prisma.migration.findUnique({ where: { id } });
  return row === null ? null : toMigration(row);
}

export async function listMigrations(
  prisma: PrismaClient,
  page: PageRequest,
): Promise<ResultPage<Migration>> {
  const rows = await prisma.migration.findMany({
    where: { ...toPodFilter(page), number: toOlderRowsFilter(page) },
    orderBy: { number: 'desc' },
    take: page.limit + 1,
  });
  return toResultPage(rows.map(toMigration), page.limit, ({ number }) => number);
}

/** Parses a stored result. Those of earlier versions do not tell what the kernel dropped. */
const parseResult = (text: string): MigrationResult => ({
  kernelDrops: null,
  ...(JSON.parse(text) as Omit<MigrationResult, 'kernelDrops'>),
});

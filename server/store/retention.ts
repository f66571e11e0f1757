import { requireValue } from '../../contract/require-value.ts';
import type { PrismaClient } from './client/client.ts';

/** Maximum numbers of history rows that the store keeps; older rows are deleted. */
export const defaultRetentionLimits = {
  events: 10_000,
  migrationsPerPod: 1_000,
  devicesPerPod: 1_000,
  removedPods: 1_000,
  batches: 200,
  ruleVersions: 200,
};

/** Maximum number of rows per DELETE statement, so that none delays writes of the migration journal for long. */
const rowsPerDelete = 500;

export type RetentionLimits = typeof defaultRetentionLimits;

/** Deletes up to `limit` rows. @returns the number of deleted rows */
type DeleteRows = (limit: number) => Promise<number>;

/**
 * Deletes history beyond `limits` in portions, each in one call of `write`. Running migrations and batches are kept.
 */
export async function pruneHistory(
  prisma: PrismaClient,
  write: <T>(work: () => Promise<T>) => Promise<T>,
  limits: RetentionLimits = defaultRetentionLimits,
): Promise<void> {
  for (const outdated of await outdatedRows(prisma, limits))
    while ((await write(() => outdated(rowsPerDelete))) === rowsPerDelete);
}

async function outdatedRows(prisma: PrismaClient, limits: RetentionLimits): Promise<DeleteRows[]> {
  const deletes: DeleteRows[] = [];
  const newestFirst = { orderBy: { id: 'desc' }, select: { id: true } } as const;

  const event = await prisma.event.findFirst({ ...newestFirst, skip: limits.events });
  if (event !== null)
    deletes.push((limit) => count(prisma.event.deleteMany({ where: { id: { lte: event.id } }, limit })));

  const migrated = await prisma.migration.groupBy({
    by: 'podId',
    having: { number: { _count: { gt: limits.migrationsPerPod } } },
  });
  for (const { podId } of migrated) {
    const last = await prisma.migration.findFirst({
      where: { podId },
      orderBy: { number: 'desc' },
      skip: limits.migrationsPerPod,
    });
    const where = { podId, number: { lte: last?.number ?? 0 }, state: { not: 'running' } };
    deletes.push((limit) => count(prisma.migration.deleteMany({ where, limit })));
  }

  const equipped = await prisma.device.groupBy({
    by: 'podId',
    having: { id: { _count: { gt: limits.devicesPerPod } } },
  });
  for (const { podId } of equipped) {
    const last = await prisma.device.findFirst({
      ...newestFirst,
      where: { podId },
      skip: limits.devicesPerPod,
    });
    const where = { podId, id: { lte: last?.id ?? 0 }, removedAt: { not: null } };
    deletes.push((limit) => count(prisma.device.deleteMany({ where, limit })));
  }

  const moved = await prisma.batch.findFirst({ orderBy: { number: 'desc' }, skip: limits.batches });
  if (moved !== null) {
    const where = { number: { lte: moved.number }, endedAt: { not: null } };
    deletes.push((limit) => count(prisma.batch.deleteMany({ where, limit })));
  }

  const version = await prisma.ruleVersion.findFirst({
    orderBy: { number: 'desc' },
    skip: limits.ruleVersions,
    select: { number: true },
  });
  if (version !== null) {
    const where = { number: { lte: version.number } };
    deletes.push((limit) => count(prisma.ruleVersion.deleteMany({ where, limit })));
  }

  const pod = await prisma.pod.findFirst({
    where: { removedAt: { not: null } },
    orderBy: { removedAt: 'desc' },
    skip: limits.removedPods,
  });
  if (pod !== null)
    deletes.push((limit) =>
      count(
        prisma.pod.deleteMany({
          where: { removedAt: { lte: requireValue(pod.removedAt, 'time of removal') } },
          limit,
        }),
      ),
    );
  return deletes;
}

const count = async (deleted: Promise<{ count: number }>) => (await deleted).count;

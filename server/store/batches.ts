import type { Batch, BatchPod, BatchSummary } from '../../contract/batch.ts';
import { countBatchPods } from '../../contract/batch-states.ts';
import type { PrismaClient } from './client/client.ts';
import type { BatchModel, BatchPodModel } from './client/models.ts';
import { toOlderRowsFilter, toResultPage } from './paginate.ts';
import type { PageRequest, ResultPage } from './records.ts';

const time = (date: Date | null): string | null => date?.toISOString() ?? null;
const date = (time: string | null): Date | null => (time === null ? null : new Date(time));

const toPod = ({ batchId: _, place: __, startedAt, endedAt, ...row }: BatchPodModel): BatchPod => ({
  ...row,
  from: row.from as BatchPod['from'],
  state: row.state as BatchPod['state'],
  code: row.code as BatchPod['code'],
  startedAt: time(startedAt),
  endedAt: time(endedAt),
});

const toSummary = (
  { startedAt, endedAt, ...row }: BatchModel,
  pods: readonly Pick<BatchPodModel, 'state'>[],
): BatchSummary => ({
  ...row,
  to: row.to as Batch['to'],
  onUnhealthy: row.onUnhealthy as Batch['onUnhealthy'],
  onLoss: row.onLoss as Batch['onLoss'],
  state: row.state as Batch['state'],
  startedAt: startedAt.toISOString(),
  endedAt: time(endedAt),
  counts: countBatchPods(pods as Pick<BatchPod, 'state'>[]),
});

const toBatch = ({ pods, ...row }: BatchModel & { pods: BatchPodModel[] }): Batch => ({
  ...toSummary(row, pods),
  pods: pods.map(toPod),
});

const withPods = { pods: { orderBy: { place: 'asc' } } } as const;

const podRow = (pod: BatchPod, place: number) => ({
  ...pod,
  place,
  startedAt: date(pod.startedAt),
  endedAt: date(pod.endedAt),
});

export async function addBatch(prisma: PrismaClient, batch: Batch): Promise<Batch> {
  const { number: _, counts: __, pods, startedAt, endedAt, ...rest } = batch;
  const row = await prisma.batch.create({
    data: {
      ...rest,
      startedAt: new Date(startedAt),
      endedAt: date(endedAt),
      pods: { createMany: { data: pods.map(podRow) } },
    },
    include: withPods,
  });
  return toBatch(row);
}

/** Saves a batch's state, reason and end time, the columns that change while it runs. */
export async function saveBatch(
  prisma: PrismaClient,
  { id, state, reason, endedAt }: BatchSummary,
): Promise<void> {
  await prisma.batch.update({ where: { id }, data: { state, reason, endedAt: date(endedAt) } });
}

export async function saveBatchPod(prisma: PrismaClient, batchId: string, pod: BatchPod): Promise<void> {
  const { podId, state, moved, code, reason, migrationId, startedAt, endedAt } = pod;
  await prisma.batchPod.update({
    where: { batchId_podId: { batchId, podId } },
    data: { state, moved, code, reason, migrationId, startedAt: date(startedAt), endedAt: date(endedAt) },
  });
}

export async function readOpenBatches(prisma: PrismaClient): Promise<Batch[]> {
  const rows = await prisma.batch.findMany({
    where: { endedAt: null },
    orderBy: { number: 'asc' },
    include: withPods,
  });
  return rows.map(toBatch);
}

export async function readBatch(prisma: PrismaClient, id: string): Promise<Batch | null> {
  const row = await prisma.batch.findUnique({ where: { id }, include: withPods });
  return row === null ? null : toBatch(row);
}

export async function listBatches(
  prisma: PrismaClient,
  page: PageRequest,
): Promise<ResultPage<BatchSummary>> {
  const rows = await prisma.batch.findMany({
    where: { number: toOlderRowsFilter(page) },
    orderBy: { number: 'desc' },
    take: page.limit + 1,
    include: { pods: { select: { state: true } } },
  });
  const summaries = rows.map(({ pods, ...row }) => toSummary(row, pods));
  return toResultPage(summaries, page.limit, ({ number }) => number);
}

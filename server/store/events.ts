import type { AgentEvent, AgentEventType } from '../../contract/agent-event.ts';
import type { PrismaClient } from './client/client.ts';
import type { EventModel } from './client/models.ts';
import { toOlderRowsFilter, toPodFilter, toResultPage } from './paginate.ts';
import type { NewEvent, PageRequest, ResultPage } from './records.ts';

const toEvent = (row: EventModel): AgentEvent => ({
  ...row,
  time: row.time.toISOString(),
  type: row.type as AgentEventType,
  severity: row.severity as AgentEvent['severity'],
});

export async function addEvent(prisma: PrismaClient, event: NewEvent): Promise<AgentEvent> {
  const { type, severity, podId, migrationId, message } = event;
  return toEvent(await prisma.event.create({ data: { type, severity, podId, migrationId, message } }));
}

export async function listEvents(prisma: PrismaClient, page: PageRequest): Promise<ResultPage<AgentEvent>> {
  const rows = await prisma.event.findMany({
    where: { ...toPodFilter(page), id: toOlderRowsFilter(page) },
    orderBy: { id: 'desc' },
    take: page.limit + 1,
  });
  return toResultPage(rows.map(toEvent), page.limit, ({ id }) => id);
}

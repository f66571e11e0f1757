import type { AgentEvent, AgentEventType } from '../../contract/agent-event.ts';
import type { PrismaClient } from './client/client.ts';
import type { EventModel } from './client/models.ts';
import type { DatabaseConnection } from './database-connection.ts';
import { toOlderRowsFilter, toPodFilter, toResultPage } from './paginate.ts';
import type { NewEvent, PageRequest, ResultPage } from './records.ts';
import { formatTime, insertRow, readInsertedId } from './sql-statements.ts';

const toEvent = (row: EventModel): AgentEvent => ({
  ...row,
  time: row.time.toISOString(),
  type: row.type as AgentEventType,
  severity: row.severity as AgentEvent['severity'],
});

/** Adds an event. By SQL: the next write, perhaps a container's, waits for it. */
export async function addEvent(connection: DatabaseConnection, event: NewEvent): Promise<AgentEvent> {
  const { type, severity, podId, migrationId, message } = event;
  const time = new Date();
  const row = { type, severity, podId, migrationId, message };
  await insertRow(connection, 'Event', { ...row, time: formatTime(time) });
  return { id: await readInsertedId(connection), time: time.toISOString(), ...row };
}

export async function listEvents(prisma: PrismaClient, page: PageRequest): Promise<ResultPage<AgentEvent>> {
  const rows = await prisma.event.findMany({
    where: { ...toPodFilter(page), id: toOlderRowsFilter(page) },
    orderBy: { id: 'desc' },
    take: page.limit + 1,
  });
  return toResultPage(rows.map(toEvent), page.limit, ({ id }) => id);
}

import type { Event, EventType } from '../../contract/event.ts';
import type { PrismaClient } from './client/client.ts';
import type { EventModel } from './client/models.ts';
import { cutPage, olderThanFilter, podFilter } from './paginate.ts';
import type { NewEvent, PageRequest, ResultPage } from './records.ts';

const toEvent = (row: EventModel): Event => ({
  ...row,
  time: row.time.toISOString(),
  type: row.type as EventType,
  severity: row.severity as Event['severity'],
});

export async function addEvent(prisma: PrismaClient, event: NewEvent): Promise<Event> {
  const { type, severity, podId, migrationId, message } = event;
  return toEvent(await prisma.event.create({ data: { type, severity, podId, migrationId, message } }));
}

export async function listEvents(prisma: PrismaClient, page: PageRequest): Promise<ResultPage<Event>> {
  const rows = await prisma.event.findMany({
    where: { ...podFilter(page), id: olderThanFilter(page) },
    orderBy: { id: 'desc' },
    take: page.limit + 1,
  });
  return cutPage(rows.map(toEvent), page.limit, ({ id }) => id);
}

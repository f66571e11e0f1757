import type { Event, EventType } from '../../contract/event.ts';
import type { PrismaClient } from './client/client.ts';
import type { EventModel } from './client/models.ts';
import { ofPod, olderThan, pageOf } from './paginate.ts';
import type { NewEvent, Page, PageOf } from './records.ts';

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

export async function listEvents(prisma: PrismaClient, page: Page): Promise<PageOf<Event>> {
  const rows = await prisma.event.findMany({
    where: { ...ofPod(page), id: olderThan(page) },
    orderBy: { id: 'desc' },
    take: page.limit + 1,
  });
  return pageOf(rows.map(toEvent), page.limit, ({ id }) => id);
}

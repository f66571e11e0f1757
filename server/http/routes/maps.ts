import { Readable } from 'node:stream';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import {
  bpfMapDetail,
  bpfMapList,
  entryKey,
  entryPage,
  entryQuery,
  mapEntry,
  newEntry,
} from '../../../contract/map.ts';
import { actorOf } from '../actor.ts';
import type { Agent } from '../agent.ts';
import { problemResponses } from '../openapi.ts';

const tags = ['maps'];
const params = z.object({ id: z.coerce.number().int().min(1).max(0xffff_ffff) });
/** What programs go by is for admins to change. */
const config = { role: 'admin' } as const;

/** All eBPF maps of the node and their entries. */
export const mapRoutes =
  (agent: Agent): FastifyPluginAsyncZod =>
  async (app) => {
    app.get(
      '/maps',
      {
        schema: {
          summary: 'All eBPF maps of the node, ours first',
          tags,
          response: { 200: bpfMapList, ...problemResponses },
        },
      },
      async () => ({ items: await agent.maps.list() }),
    );

    app.get(
      '/maps/:id',
      {
        schema: {
          summary: 'An eBPF map: its types and how many entries it has',
          tags,
          params,
          response: { 200: bpfMapDetail, ...problemResponses },
        },
      },
      ({ params: { id } }) => agent.maps.get(id),
    );

    app.get(
      '/maps/:id/entries',
      {
        schema: {
          summary: 'Entries of a map by their types, page by page, or those that hold a text',
          description: 'A search looks at so many entries at once and says so; `next` goes on behind them.',
          tags,
          params,
          querystring: entryQuery,
          response: { 200: entryPage, ...problemResponses },
        },
      },
      ({ params: { id }, query }) => agent.maps.entries(id, query),
    );

    app.get(
      '/maps/:id/export',
      {
        schema: {
          summary: 'A map with its entries as one JSON document, as it is read',
          tags,
          params,
          response: { 200: z.any(), ...problemResponses },
        },
      },
      async ({ params: { id } }, reply) => {
        const pieces = agent.maps.export(id);
        // What it refuses it refuses before the first piece, and so as a problem.
        const first = await pieces.next();
        return reply
          .type('application/json')
          .header('content-disposition', `attachment; filename="map-${id}.json"`)
          .send(Readable.from(joined(first, pieces)));
      },
    );

    app.put(
      '/maps/:id/entries',
      {
        config,
        schema: {
          summary: 'Writes one entry of a map of ours, checked against its types',
          tags,
          params,
          body: newEntry,
          response: { 200: mapEntry, ...problemResponses },
        },
      },
      ({ params: { id }, body, headers }) => agent.maps.write(id, body, actorOf(headers['x-podlane-actor'])),
    );

    app.delete(
      '/maps/:id/entries',
      {
        config,
        schema: {
          summary: 'Deletes one entry of a map of ours',
          tags,
          params,
          querystring: entryKey,
          response: { 204: z.null(), ...problemResponses },
        },
      },
      async ({ params: { id }, query, headers }, reply) => {
        await agent.maps.remove(id, query.key, actorOf(headers['x-podlane-actor']));
        return reply.code(204).send(null);
      },
    );
  };

async function* joined(first: IteratorResult<string>, rest: AsyncGenerator<string>): AsyncGenerator<string> {
  try {
    if (!first.done) yield first.value;
    yield* rest;
  } finally {
    await rest.return(undefined);
  }
}

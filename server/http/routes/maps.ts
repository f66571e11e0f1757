import { Readable } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import {
  bpfMapDetailSchema,
  bpfMapListSchema,
  mapEntryKeySchema,
  mapEntryPageSchema,
  mapEntryQuerySchema,
  mapEntrySchema,
  newMapEntrySchema,
} from '../../../contract/bpf-map.ts';
import { readActor } from '../actor.ts';
import type { AgentServices } from '../agent-services.ts';
import { problemResponses } from '../openapi.ts';
import { readRole, requireRole } from '../role-check.ts';

const tags = ['maps'];
const params = z.object({ id: z.coerce.number().int().min(1).max(0xffff_ffff) });
/** Configuration of HTTP routes for admins only, because they change maps that BPF programs read. */
const config = { role: 'admin' } as const;

/** HTTP routes of the node's BPF maps and their entries. */
export const mapRoutes =
  (agent: AgentServices): FastifyPluginAsyncZod =>
  async (app) => {
    app.get(
      '/maps',
      {
        schema: {
          summary: 'Lists all BPF maps of the node, Podlane’s first',
          tags,
          response: { 200: bpfMapListSchema, ...problemResponses },
        },
      },
      async () => ({ items: await agent.maps.list() }),
    );

    app.get(
      '/maps/:id',
      {
        schema: {
          summary: 'Returns a BPF map with its types and number of entries',
          tags,
          params,
          response: { 200: bpfMapDetailSchema, ...problemResponses },
        },
      },
      ({ params: { id } }) => agent.maps.get(id),
    );

    app.get(
      '/maps/:id/entries',
      {
        schema: {
          summary: 'Lists entries of a map, decoded by BTF, or those that contain a text',
          description:
            'Entries of maps that are not Podlane’s are for admins. A search scans a limited number of entries per request and reports how many; `next` continues after them.',
          tags,
          params,
          querystring: mapEntryQuerySchema,
          response: { 200: mapEntryPageSchema, ...problemResponses },
        },
      },
      async (request) => {
        const { id } = request.params;
        await requireRoleForEntries(agent, request, id);
        return agent.maps.entries(id, request.query);
      },
    );

    app.get(
      '/maps/:id/export',
      {
        schema: {
          summary: 'Exports a map with its entries as one JSON document',
          tags,
          params,
          response: { 200: z.any(), ...problemResponses },
        },
      },
      async (request, reply) => {
        const { id } = request.params;
        await requireRoleForEntries(agent, request, id);
        const pieces = agent.maps.export(id);
        // Errors are thrown before the first piece, and so can still be answered as a problem.
        const first = await pieces.next();
        return reply
          .type('application/json')
          .header('content-disposition', `attachment; filename="map-${id}.json"`)
          .send(Readable.from(allPieces(first, pieces)));
      },
    );

    app.put(
      '/maps/:id/entries',
      {
        config,
        schema: {
          summary: 'Writes one entry of a map of Podlane’s, validated by its types',
          tags,
          params,
          body: newMapEntrySchema,
          response: { 200: mapEntrySchema, ...problemResponses },
        },
      },
      ({ params: { id }, body, headers }) => agent.maps.write(id, body, readActor(headers)),
    );

    app.delete(
      '/maps/:id/entries',
      {
        config,
        schema: {
          summary: 'Deletes one entry of a map of Podlane’s',
          tags,
          params,
          querystring: mapEntryKeySchema,
          response: { 204: z.null(), ...problemResponses },
        },
      },
      async ({ params: { id }, query, headers }, reply) => {
        await agent.maps.remove(id, query.key, readActor(headers));
        return reply.code(204).send(null);
      },
    );
  };

/** Checks that the caller may read a map's entries: those of others' programs may be secrets. @throws ProblemError `forbidden` */
async function requireRoleForEntries(
  agent: AgentServices,
  request: FastifyRequest,
  id: number,
): Promise<void> {
  if (readRole(request.headers) === 'admin' || (await agent.maps.isOwn(id))) return;
  requireRole(request, 'admin');
}

async function* allPieces(
  first: IteratorResult<string>,
  rest: AsyncGenerator<string>,
): AsyncGenerator<string> {
  try {
    if (!first.done) yield first.value;
    yield* rest;
  } finally {
    await rest.return(undefined);
  }
}

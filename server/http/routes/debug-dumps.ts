import { createReadStream } from 'node:fs';
import type { FastifyInstance } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { debugDumpSchema, newDebugDumpSchema } from '../../../contract/debug-dump.ts';
import { readActor } from '../actor.ts';
import type { AgentServices } from '../agent-services.ts';
import { problemResponses } from '../openapi.ts';

const tags = ['dumps'];
const params = z.object({ id: z.string().max(64) });
const admin = { role: 'admin' } as const;

/** HTTP routes of debug dumps, which are archives of the state of the kernel and the agent. */
export const debugDumpRoutes =
  ({ dumps }: AgentServices): FastifyPluginAsyncZod =>
  async (app) => {
    app.post(
      '/dumps',
      {
        config: admin,
        schema: {
          summary: 'Starts a dump: an archive of the state of the kernel and the agent',
          description:
            'Only one dump runs at a time. The topic `dumps` of the stream reports its progress. A dump never contains tokens, keys, environment variables, packet data or entries of foreign maps.',
          tags,
          body: newDebugDumpSchema,
          response: { 202: debugDumpSchema.describe('The dump, running'), ...problemResponses },
        },
      },
      async ({ body, headers }, reply) => {
        const callApi = apiCaller(app, headers.authorization);
        const started = dumps.start(body, readActor(headers), callApi);
        return reply.code(202).header('location', `/api/v1/dumps/${started.id}`).send(started);
      },
    );

    app.get(
      '/dumps',
      {
        schema: {
          summary: 'Lists dumps, newest first',
          tags,
          response: { 200: z.object({ items: z.array(debugDumpSchema) }), ...problemResponses },
        },
      },
      () => ({ items: dumps.list() }),
    );

    app.get(
      '/dumps/:id',
      {
        schema: {
          summary: 'Returns a dump with the progress of its parts',
          tags,
          params,
          response: { 200: debugDumpSchema, ...problemResponses },
        },
      },
      ({ params: { id } }) => dumps.get(id),
    );

    app.get(
      '/dumps/:id/archive',
      {
        config: admin,
        schema: {
          summary: 'Downloads the archive: a .tar.gz of one folder with `index.html` and `manifest.json`',
          tags,
          params,
          response: {
            200: {
              description: 'The archive',
              content: { 'application/gzip': { schema: z.unknown() } },
            },
            ...problemResponses,
          },
        },
      },
      ({ params: { id } }, reply) => {
        const { file, name, bytes } = dumps.archive(id);
        return reply
          .type('application/gzip')
          .header('content-disposition', `attachment; filename="${name}"`)
          .header('content-length', bytes)
          .send(createReadStream(file));
      },
    );

    app.delete(
      '/dumps/:id',
      {
        config: admin,
        schema: {
          summary: 'Deletes a dump; a running dump is canceled and leaves no file',
          tags,
          params,
          response: { 204: z.null().describe('Deleted'), ...problemResponses },
        },
      },
      async ({ params: { id } }, reply) => {
        await dumps.remove(id);
        return reply.code(204).send(null);
      },
    );
  };

/** Creates a function that calls this API with the caller's authorization. */
const apiCaller =
  (app: Pick<FastifyInstance, 'inject'>, authorization: string | undefined) =>
  async (path: string): Promise<{ status: number; body: Buffer }> => {
    const headers = authorization === undefined ? {} : { authorization };
    const response = await app.inject({ url: `/api/v1${path}`, headers });
    return { status: response.statusCode, body: response.rawPayload };
  };

import { createReadStream } from 'node:fs';
import type { FastifyInstance } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { dump, newDump } from '../../../contract/dump.ts';
import { actorOf } from '../actor.ts';
import type { Agent } from '../agent.ts';
import { problemResponses } from '../openapi.ts';

const tags = ['dumps'];
const params = z.object({ id: z.string().max(64) });
const admin = { role: 'admin' } as const;

/** Archives of what the kernel and the agent know. */
export const dumpRoutes =
  ({ dumps }: Agent): FastifyPluginAsyncZod =>
  async (app) => {
    app.post(
      '/dumps',
      {
        config: admin,
        schema: {
          summary: 'Begins an archive of what the kernel and the agent know',
          description:
            'One is made at a time. The stream’s topic `dumps` tells its progress by part. Never in it: tokens, keys, the environment, bytes of packets, entries of others’ maps.',
          tags,
          body: newDump,
          response: { 202: dump.describe('the dump, running'), ...problemResponses },
        },
      },
      async ({ body, headers }, reply) => {
        const ask = ownAnswers(app, headers.authorization);
        const started = dumps.start(body, actorOf(headers['x-podlane-actor']), ask);
        return reply.code(202).header('location', `/api/v1/dumps/${started.id}`).send(started);
      },
    );

    app.get(
      '/dumps',
      {
        schema: {
          summary: 'The dumps that are kept, and the one that is being made, the newest first',
          tags,
          response: { 200: z.object({ items: z.array(dump) }), ...problemResponses },
        },
      },
      () => ({ items: dumps.list() }),
    );

    app.get(
      '/dumps/:id',
      {
        schema: {
          summary: 'A dump with its progress by part',
          tags,
          params,
          response: { 200: dump, ...problemResponses },
        },
      },
      ({ params: { id } }) => dumps.get(id),
    );

    app.get(
      '/dumps/:id/archive',
      {
        config: admin,
        schema: {
          summary: 'The archive, a .tar.gz of one folder with `index.html` and `manifest.json`',
          tags,
          params,
          response: {
            200: {
              description: 'the archive',
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
          summary: 'Deletes a dump; one that is being made is cancelled and leaves no file',
          tags,
          params,
          response: { 204: z.null().describe('done'), ...problemResponses },
        },
      },
      async ({ params: { id } }, reply) => {
        await dumps.remove(id);
        return reply.code(204).send(null);
      },
    );
  };

/** Asks this API itself, with the right that the caller has shown. */
const ownAnswers =
  (app: Pick<FastifyInstance, 'inject'>, authorization: string | undefined) =>
  async (path: string): Promise<{ status: number; body: Buffer }> => {
    const headers = authorization === undefined ? {} : { authorization };
    const answer = await app.inject({ url: `/api/v1${path}`, headers });
    return { status: answer.statusCode, body: answer.rawPayload };
  };

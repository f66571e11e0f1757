import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import {
  batchPlanSchema,
  batchSchema,
  batchSummarySchema,
  newBatchSchema,
  resumeBatchSchema,
} from '../../../contract/batch.ts';
import { createPageSchema } from '../../../contract/pagination.ts';
import { ProblemError } from '../../../contract/problem.ts';
import { readActor } from '../actor.ts';
import type { AgentServices } from '../agent-services.ts';
import { problemResponses } from '../openapi.ts';
import { pageQuerySchema } from '../page-query.ts';

const tags = ['batches'];
const params = z.object({ id: z.string().max(64) });
const answer = { 200: batchSchema, ...problemResponses };

/** HTTP routes of batches, which migrate many pods. */
export const batchRoutes =
  (agent: AgentServices): FastifyPluginAsyncZod =>
  async (app) => {
    const read = async (id: string) => {
      const found = agent.batches.get(id) ?? (await agent.store.batch(id));
      if (!found) throw new ProblemError('batch_not_found', `no batch has the id ${id}`);
      return found;
    };

    app.post(
      '/batches',
      {
        schema: {
          summary: 'Migrates many pods, several at a time, or with `dryRun` returns the plan',
          description:
            'Pods that are already on the kind are skipped, and pods that cannot be migrated are rejected with a code before anything is changed. Returns once the batch is in the journal. The topic `batches` of the stream reports its progress.',
          tags,
          body: newBatchSchema,
          response: {
            200: batchPlanSchema.describe('The plan; nothing was changed'),
            202: batchSchema.describe('The batch, running'),
            ...problemResponses,
          },
        },
      },
      async ({ body, headers }, reply) => {
        if (body.dryRun) return agent.batches.plan(body);
        const started = await agent.batches.start(body, readActor(headers));
        return reply.code(202).header('location', `/api/v1/batches/${started.id}`).send(started);
      },
    );

    app.get(
      '/batches',
      {
        schema: {
          summary: 'Lists batches without their pods, newest first',
          tags,
          querystring: pageQuerySchema,
          response: { 200: createPageSchema(batchSummarySchema), ...problemResponses },
        },
      },
      ({ query }) => agent.store.listBatches(query),
    );

    app.get(
      '/batches/:id',
      { schema: { summary: 'Returns a batch with its pods', tags, params, response: answer } },
      ({ params: { id } }) => read(id),
    );

    app.post(
      '/batches/:id/pause',
      {
        schema: {
          summary: 'Pauses a batch: pods not started yet wait, and migrations in progress finish',
          tags,
          params,
          response: answer,
        },
      },
      async ({ params: { id }, headers }) => {
        await read(id);
        return agent.batches.pause(id, readActor(headers));
      },
    );

    app.post(
      '/batches/:id/resume',
      {
        schema: {
          summary: 'Resumes a batch, and with `retry` migrates its unhealthy pods again',
          tags,
          params,
          body: resumeBatchSchema,
          response: answer,
        },
      },
      async ({ params: { id }, body, headers }) => {
        await read(id);
        return agent.batches.resume(id, body, readActor(headers));
      },
    );

    app.post(
      '/batches/:id/stop',
      {
        schema: {
          summary: 'Stops a batch: pods not started yet stay as they are, and migrations in progress finish',
          tags,
          params,
          response: answer,
        },
      },
      async ({ params: { id }, headers }) => {
        await read(id);
        return agent.batches.stop(id, readActor(headers));
      },
    );
  };

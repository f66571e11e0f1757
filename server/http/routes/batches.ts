import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { batch, batchPlan, batchSummary, newBatch, resumeBatch } from '../../../contract/batch.ts';
import { listOf } from '../../../contract/list.ts';
import { ProblemError } from '../../../contract/problem.ts';
import { actorOf } from '../actor.ts';
import type { Agent } from '../agent.ts';
import { problemResponses } from '../openapi.ts';
import { pageQuery } from '../paging.ts';

const tags = ['batches'];
const params = z.object({ id: z.string().max(64) });
const answer = { 200: batch, ...problemResponses };

/** Migrations of many pods. */
export const batchRoutes =
  (agent: Agent): FastifyPluginAsyncZod =>
  async (app) => {
    const read = async (id: string) => {
      const found = agent.batches.get(id) ?? (await agent.store.batch(id));
      if (!found) throw new ProblemError('batch_not_found', `there is no batch ${id}`);
      return found;
    };

    app.post(
      '/batches',
      {
        schema: {
          summary: 'Moves many pods, some at a time, or with `dryRun` tells which would be moved',
          description:
            'Pods on the kind already are skipped, those that cannot be moved are refused with a code, before anything is touched; the others are moved. Answers once the journal has the batch; the stream tells its progress.',
          tags,
          body: newBatch,
          response: {
            200: batchPlan.describe('the plan; nothing was changed'),
            202: batch.describe('the batch, running'),
            ...problemResponses,
          },
        },
      },
      async ({ body, headers }, reply) => {
        if (body.dryRun) return agent.batches.plan(body);
        const started = await agent.batches.start(body, actorOf(headers['x-podlane-actor']));
        return reply.code(202).header('location', `/api/v1/batches/${started.id}`).send(started);
      },
    );

    app.get(
      '/batches',
      {
        schema: {
          summary: 'Batches without their pods, the newest first',
          tags,
          querystring: pageQuery,
          response: { 200: listOf(batchSummary), ...problemResponses },
        },
      },
      ({ query }) => agent.store.listBatches(query),
    );

    app.get(
      '/batches/:id',
      { schema: { summary: 'A batch with its pods', tags, params, response: answer } },
      ({ params: { id } }) => read(id),
    );

    app.post(
      '/batches/:id/pause',
      {
        schema: {
          summary: 'Starts no further migration; those that run are ended',
          tags,
          params,
          response: answer,
        },
      },
      async ({ params: { id }, headers }) => {
        await read(id);
        return agent.batches.pause(id, actorOf(headers['x-podlane-actor']));
      },
    );

    app.post(
      '/batches/:id/resume',
      {
        schema: {
          summary: 'Goes on with the pods that wait, and with `retry` those that were unhealthy',
          tags,
          params,
          body: resumeBatch,
          response: answer,
        },
      },
      async ({ params: { id }, body, headers }) => {
        await read(id);
        return agent.batches.resume(id, body, actorOf(headers['x-podlane-actor']));
      },
    );

    app.post(
      '/batches/:id/stop',
      {
        schema: {
          summary: 'Ends the batch; pods that wait stay where they are',
          tags,
          params,
          response: answer,
        },
      },
      async ({ params: { id }, headers }) => {
        await read(id);
        return agent.batches.stop(id, actorOf(headers['x-podlane-actor']));
      },
    );
  };

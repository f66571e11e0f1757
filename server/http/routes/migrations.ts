import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { listOf } from '../../../contract/list.ts';
import { migration, migrationPlan, newMigration } from '../../../contract/migration.ts';
import { ProblemError } from '../../../contract/problem.ts';
import { actorOf } from '../actor.ts';
import type { Agent } from '../agent.ts';
import { problemResponses } from '../openapi.ts';
import { podPageQuery, resolvePodId } from '../paging.ts';
import { podParams } from './pods.ts';

const tags = ['migrations'];

export const migrationRoutes =
  (agent: Agent): FastifyPluginAsyncZod =>
  async (app) => {
    app.post(
      '/pods/:id/migrations',
      {
        schema: {
          summary: 'Moves the pod to a device of the other kind, or with `dryRun` tells how it would',
          description: 'Answers once the journal has the migration; the stream tells its steps.',
          tags,
          params: podParams,
          body: newMigration,
          response: {
            200: migrationPlan.describe('the plan; nothing was changed'),
            202: migration.describe('the migration, running'),
            ...problemResponses,
          },
        },
      },
      async ({ params, body, headers }, reply) => {
        const id = agent.pods.find(params.id);
        const { to, dryRun, recreate } = body;
        if (dryRun) return agent.pods.plan(id, to, recreate);
        const started = await agent.pods.migrate(id, to, actorOf(headers['x-podlane-actor']), recreate);
        return reply.code(202).header('location', `/api/v1/migrations/${started.id}`).send(started);
      },
    );

    app.get(
      '/migrations',
      {
        schema: {
          summary: 'Migrations, the newest first',
          tags,
          querystring: podPageQuery,
          response: { 200: listOf(migration), ...problemResponses },
        },
      },
      ({ query }) => agent.store.listMigrations({ ...query, pod: resolvePodId(agent, query.pod) }),
    );

    app.get(
      '/migrations/:id',
      {
        schema: {
          summary: 'A migration with its steps',
          tags,
          params: z.object({ id: z.string().max(64) }),
          response: { 200: migration, ...problemResponses },
        },
      },
      async ({ params: { id } }) => {
        const found = await agent.store.migration(id);
        if (found === null) throw new ProblemError('migration_not_found', `there is no migration ${id}`);
        return found;
      },
    );
  };

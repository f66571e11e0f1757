import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { migrationPlanSchema, migrationSchema, newMigrationSchema } from '../../../contract/migration.ts';
import { createPageSchema } from '../../../contract/pagination.ts';
import { ProblemError } from '../../../contract/problem.ts';
import { readActor } from '../actor.ts';
import type { AgentServices } from '../agent-services.ts';
import { problemResponses } from '../openapi.ts';
import { podPageQuerySchema, toStorePageRequest } from '../page-query.ts';
import { podParamsSchema } from '../pod-parameter.ts';

const tags = ['migrations'];

/** HTTP routes of the migrations of single pods. */
export const migrationRoutes =
  (agent: AgentServices): FastifyPluginAsyncZod =>
  async (app) => {
    app.post(
      '/pods/:id/migrations',
      {
        schema: {
          summary: 'Migrates a pod to a device of the other kind, or with `dryRun` returns the plan',
          description:
            'Returns once the migration is in the journal. The topic `migrations` of the stream reports its steps.',
          tags,
          params: podParamsSchema,
          body: newMigrationSchema,
          response: {
            200: migrationPlanSchema.describe('The plan; nothing was changed'),
            202: migrationSchema.describe('The migration, running'),
            ...problemResponses,
          },
        },
      },
      async ({ params, body, headers }, reply) => {
        const id = agent.pods.find(params.id);
        const { to, dryRun, recreate, accept } = body;
        if (dryRun) return agent.pods.plan(id, to, recreate);
        const started = await agent.pods.migrate(id, to, readActor(headers), { recreate, accept });
        return reply.code(202).header('location', `/api/v1/migrations/${started.id}`).send(started);
      },
    );

    app.get(
      '/migrations',
      {
        schema: {
          summary: 'Lists migrations, newest first',
          tags,
          querystring: podPageQuerySchema,
          response: { 200: createPageSchema(migrationSchema), ...problemResponses },
        },
      },
      ({ query }) => agent.store.listMigrations(toStorePageRequest(agent, query)),
    );

    app.get(
      '/migrations/:id',
      {
        schema: {
          summary: 'Returns a migration with its steps',
          tags,
          params: z.object({ id: z.string().max(64) }),
          response: { 200: migrationSchema, ...problemResponses },
        },
      },
      async ({ params: { id } }) => {
        const found = await agent.store.migration(id);
        if (found === null) throw new ProblemError('migration_not_found', `no migration has the id ${id}`);
        return found;
      },
    );
  };

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import {
  buildActivationSchema,
  buildSchema,
  buildSignerSchema,
  datapathBuildListSchema,
  newBuildSchema,
  sha256Schema,
} from '../../../contract/build.ts';
import { readActor } from '../actor.ts';
import type { AgentServices } from '../agent-services.ts';
import { problemResponses } from '../openapi.ts';

const tags = ['builds'];
const params = z.object({ sha256: sha256Schema });
/** Configuration of HTTP routes for admins only, because they choose code that runs in the kernel. */
const config = { role: 'admin' } as const;

/** HTTP routes of the builds of the datapath's BPF programs. */
export const datapathBuildRoutes =
  (agent: AgentServices): FastifyPluginAsyncZod =>
  async (app) => {
    app.get(
      '/builds',
      {
        schema: {
          summary: 'Lists the builds of the datapath, and which one is running',
          tags,
          response: { 200: datapathBuildListSchema, ...problemResponses },
        },
      },
      () => agent.builds.list(),
    );

    app.get(
      '/builds/signers',
      {
        schema: {
          summary: 'Lists the keys whose builds this node trusts',
          tags,
          response: { 200: z.object({ items: z.array(buildSignerSchema) }), ...problemResponses },
        },
      },
      () => ({ items: agent.builds.signers() }),
    );

    app.post(
      '/builds',
      {
        config,
        schema: {
          summary:
            'Adds a signed build after the kernel has accepted its programs; the running build stays active',
          description:
            '`node scripts/sign-build.ts` makes the signature. Adding a build again returns the existing one.',
          tags,
          body: newBuildSchema,
          response: { 201: buildSchema, ...problemResponses },
        },
      },
      async ({ body, headers }, reply) => {
        const added = await agent.builds.add(
          Buffer.from(body.object, 'base64'),
          Buffer.from(body.signature, 'base64'),
          readActor(headers),
        );
        return reply.code(201).send(added);
      },
    );

    app.delete(
      '/builds/:sha256',
      {
        config,
        schema: {
          summary: 'Removes a build that is not running',
          tags,
          params,
          response: { 204: z.null().describe('Removed'), ...problemResponses },
        },
      },
      async ({ params, headers }, reply) => {
        await agent.builds.remove(params.sha256, readActor(headers));
        return reply.code(204).send(null);
      },
    );

    app.post(
      '/builds/:sha256/activation',
      {
        config,
        schema: {
          summary: 'Activates a build: replaces the programs on all devices without packet loss',
          description:
            'Returns when all devices run it. Counters, rules and connections are kept. If the replacement fails, the previous build runs again on all devices and the problem says why.',
          tags,
          params,
          response: { 200: buildActivationSchema, ...problemResponses },
        },
      },
      ({ params, headers }) => agent.builds.activate(params.sha256, readActor(headers)),
    );

    app.post(
      '/builds/rollback',
      {
        config,
        schema: {
          summary: 'Rolls back to the previous build',
          tags,
          response: { 200: buildActivationSchema, ...problemResponses },
        },
      },
      ({ headers }) => agent.builds.rollBack(readActor(headers)),
    );
  };

import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { activation, build, builds, newBuild, sha256, signer } from '../../../contract/build.ts';
import { actorOf } from '../actor.ts';
import type { Agent } from '../agent.ts';
import { problemResponses } from '../openapi.ts';

const tags = ['builds'];
const params = z.object({ sha256 });
/** Which code runs in the kernel is for admins to say. */
const config = { role: 'admin' } as const;

/** Builds of the datapath: what our programs are loaded from. */
export const buildRoutes =
  (agent: Agent): FastifyPluginAsyncZod =>
  async (app) => {
    app.get(
      '/builds',
      {
        schema: {
          summary:
            'The builds of the datapath that this node may run, which runs, and what a rollback goes to',
          tags,
          response: { 200: builds, ...problemResponses },
        },
      },
      () => agent.builds.list(),
    );

    app.get(
      '/builds/signers',
      {
        schema: {
          summary: 'The keys whose builds this node takes',
          tags,
          response: { 200: z.object({ items: z.array(signer) }), ...problemResponses },
        },
      },
      () => ({ items: agent.builds.signers() }),
    );

    app.post(
      '/builds',
      {
        config,
        schema: {
          summary: 'Keeps a signed build, once the kernel has taken its programs; what runs goes on',
          description:
            'The signature is by `node scripts/sign-build.ts`. Of a build that is kept already, that one.',
          tags,
          body: newBuild,
          response: { 201: build, ...problemResponses },
        },
      },
      async ({ body, headers }, reply) => {
        const added = await agent.builds.add(
          Buffer.from(body.object, 'base64'),
          Buffer.from(body.signature, 'base64'),
          actorOf(headers['x-podlane-actor']),
        );
        return reply.code(201).send(added);
      },
    );

    app.delete(
      '/builds/:sha256',
      {
        config,
        schema: {
          summary: 'Removes a build that does not run',
          tags,
          params,
          response: { 204: z.null().describe('done'), ...problemResponses },
        },
      },
      async ({ params, headers }, reply) => {
        await agent.builds.remove(params.sha256, actorOf(headers['x-podlane-actor']));
        return reply.code(204).send(null);
      },
    );

    app.post(
      '/builds/:sha256/activation',
      {
        config,
        schema: {
          summary: 'Puts a build in the place of what runs, on all devices, with no packet lost',
          description:
            'Answers when it is done; counters, rules and connections go on. Failing halfway, what ran before runs again on all devices, and the problem says why.',
          tags,
          params,
          response: { 200: activation, ...problemResponses },
        },
      },
      ({ params, headers }) => agent.builds.activate(params.sha256, actorOf(headers['x-podlane-actor'])),
    );

    app.post(
      '/builds/rollback',
      {
        config,
        schema: {
          summary: 'Activates the build that ran before',
          tags,
          response: { 200: activation, ...problemResponses },
        },
      },
      ({ headers }) => agent.builds.rollBack(actorOf(headers['x-podlane-actor'])),
    );
  };

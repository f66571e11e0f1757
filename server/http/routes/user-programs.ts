import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { newUserProgram, userProgram } from '../../../contract/build.ts';
import { actorOf } from '../actor.ts';
import type { Agent } from '../agent.ts';
import { problemResponses } from '../openapi.ts';
import { podParams } from './pods.ts';

const tags = ['programs'];
/** Which code runs in the kernel is for admins to say. */
const config = { role: 'admin' } as const;

/** Programs that users put on pods, beside ours. */
export const userProgramRoutes =
  (agent: Agent): FastifyPluginAsyncZod =>
  async (app) => {
    app.get(
      '/pods/:id/programs',
      {
        schema: {
          summary: 'The programs that users put on the pod, beside ours',
          tags,
          params: podParams,
          response: { 200: z.object({ items: z.array(userProgram) }), ...problemResponses },
        },
      },
      async ({ params }) => ({ items: await agent.userPrograms.list(agent.pods.find(params.id)) }),
    );

    app.post(
      '/pods/:id/programs',
      {
        config,
        schema: {
          summary: 'Loads a program of an object and puts it on a hook of the pod, before or after ours',
          description:
            'It stays when the agent ends, goes along in migrations, and goes with the pod. Its maps are its own.',
          tags,
          params: podParams,
          body: newUserProgram,
          response: { 201: userProgram, ...problemResponses },
        },
      },
      async ({ params, body, headers }, reply) => {
        const id = agent.pods.find(params.id);
        const attached = await agent.userPrograms.attach(id, body, actorOf(headers['x-podlane-actor']));
        return reply
          .code(201)
          .header('location', `/api/v1/pods/${id}/programs/${attached.number}`)
          .send(attached);
      },
    );

    app.delete(
      '/pods/:id/programs/:number',
      {
        config,
        schema: {
          summary: 'Takes a user’s program off the pod, and its maps with it',
          tags,
          params: podParams.extend({ number: z.coerce.number().int().min(1).max(99) }),
          response: { 204: z.null().describe('done'), ...problemResponses },
        },
      },
      async ({ params, headers }, reply) => {
        const id = agent.pods.find(params.id);
        await agent.userPrograms.detach(id, params.number, actorOf(headers['x-podlane-actor']));
        return reply.code(204).send(null);
      },
    );
  };

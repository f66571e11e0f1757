import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { newUserProgramSchema, userProgramSchema } from '../../../contract/build.ts';
import { readActor } from '../actor.ts';
import type { AgentServices } from '../agent-services.ts';
import { problemResponses } from '../openapi.ts';
import { podParamsSchema } from '../pod-parameter.ts';

const tags = ['programs'];
/** Configuration of HTTP routes for admins only, because they choose code that runs in the kernel. */
const config = { role: 'admin' } as const;

/** HTTP routes of user programs: BPF programs that users attach to pods in addition to Podlane's. */
export const userProgramRoutes =
  (agent: AgentServices): FastifyPluginAsyncZod =>
  async (app) => {
    app.get(
      '/pods/:id/programs',
      {
        schema: {
          summary: 'Lists the user programs of a pod',
          tags,
          params: podParamsSchema,
          response: { 200: z.object({ items: z.array(userProgramSchema) }), ...problemResponses },
        },
      },
      async ({ params }) => ({ items: await agent.userPrograms.list(agent.pods.find(params.id)) }),
    );

    app.post(
      '/pods/:id/programs',
      {
        config,
        schema: {
          summary:
            'Loads a program of an object and attaches it to a hook of the pod, before or after Podlane’s',
          description:
            'The program survives restarts of the agent, moves along in migrations and is removed with the pod. It does not share maps.',
          tags,
          params: podParamsSchema,
          body: newUserProgramSchema,
          response: { 201: userProgramSchema, ...problemResponses },
        },
      },
      async ({ params, body, headers }, reply) => {
        const id = agent.pods.find(params.id);
        const attached = await agent.userPrograms.attach(id, body, readActor(headers));
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
          summary: 'Detaches a user program from the pod and removes its maps',
          tags,
          params: podParamsSchema.extend({ number: z.coerce.number().int().min(1).max(99) }),
          response: { 204: z.null().describe('Detached'), ...problemResponses },
        },
      },
      async ({ params, headers }, reply) => {
        const id = agent.pods.find(params.id);
        await agent.userPrograms.detach(id, params.number, readActor(headers));
        return reply.code(204).send(null);
      },
    );
  };

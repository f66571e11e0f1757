import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { cniStatusSchema } from '../../../contract/container.ts';
import { devicePolicySchema } from '../../../contract/device-policy.ts';
import type { AgentServices } from '../agent-services.ts';
import { problemResponses } from '../openapi.ts';

const tags = ['cni'];

/** HTTP routes of the containers that runtimes attach through CNI. The plugin itself has a socket of its own. */
export const cniRoutes =
  (agent: AgentServices): FastifyPluginAsyncZod =>
  async (app) => {
    app.get(
      '/cni',
      {
        schema: {
          summary: 'Returns the state of CNI on the node: containers, pools, deletions that are left, policy',
          tags,
          response: { 200: cniStatusSchema, ...problemResponses },
        },
      },
      () => ({ socket: agent.cniSocket, ...agent.containers.describe() }),
    );

    app.put(
      '/cni/policy',
      {
        schema: {
          summary: 'Chooses the kind of device of new containers, by namespace, labels and runtime class',
          tags,
          body: devicePolicySchema,
          response: { 200: devicePolicySchema, ...problemResponses },
        },
      },
      async ({ body }) => {
        await agent.containers.setPolicy(body);
        return agent.containers.policy;
      },
    );
  };

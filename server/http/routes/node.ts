import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { nodeInfoSchema } from '../../../contract/node.ts';
import type { AgentServices } from '../agent-services.ts';
import { problemResponses } from '../openapi.ts';

/** HTTP route that describes the node that the agent runs on. */
export const nodeRoutes =
  (agent: AgentServices): FastifyPluginAsyncZod =>
  async (app) => {
    app.get(
      '/node',
      {
        schema: {
          summary: 'Returns the node: kernel, capabilities, versions',
          tags: ['node'],
          response: { 200: nodeInfoSchema, ...problemResponses },
        },
      },
      () => agent.node(),
    );
  };

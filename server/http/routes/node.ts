import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { node } from '../../../contract/node.ts';
import type { Agent } from '../agent.ts';
import { problemResponses } from '../openapi.ts';

/** The node that the agent runs on. */
export const nodeRoutes =
  (agent: Agent): FastifyPluginAsyncZod =>
  async (app) => {
    app.get(
      '/node',
      {
        schema: {
          summary: 'Returns the node: kernel, capabilities, versions',
          tags: ['node'],
          response: { 200: node, ...problemResponses },
        },
      },
      () => agent.node(),
    );
  };

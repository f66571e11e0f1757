import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { namespaceChangeSchema, namespaceNameSchema, namespaceSchema } from '../../../contract/pod.ts';
import type { AgentServices } from '../agent-services.ts';
import { problemResponses } from '../openapi.ts';

const tags = ['pods'];

/** HTTP routes of the labels of namespaces, which selectors of namespaces in rules read. */
export const namespaceRoutes =
  (agent: AgentServices): FastifyPluginAsyncZod =>
  async (app) => {
    app.get(
      '/namespaces',
      {
        schema: {
          summary: 'Lists the namespaces whose labels are known',
          tags,
          response: { 200: z.object({ items: z.array(namespaceSchema) }), ...problemResponses },
        },
      },
      () => ({ items: agent.rules.namespaces().map((each) => ({ ...each, labels: { ...each.labels } })) }),
    );

    app.put(
      '/namespaces/:name',
      {
        schema: {
          summary: 'Sets the labels of a namespace; the rules follow',
          description: 'Where the agent follows a cluster, that sets them: `kubernetes_owned`.',
          tags,
          params: z.object({ name: namespaceNameSchema }),
          body: namespaceChangeSchema,
          response: { 200: namespaceSchema, ...problemResponses },
        },
      },
      async ({ params: { name }, body: { labels } }) => {
        await agent.rules.setNamespaceLabels(name, labels);
        return { name, labels, source: 'api' as const };
      },
    );
  };

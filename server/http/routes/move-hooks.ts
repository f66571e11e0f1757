import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { podSchema } from '../../../contract/pod.ts';
import { hookPlacementSchema } from '../../../contract/settings.ts';
import { readActor } from '../actor.ts';
import type { AgentServices } from '../agent-services.ts';
import { problemResponses } from '../openapi.ts';
import { podParamsSchema } from '../pod-parameter.ts';

/** HTTP route that moves Podlane's programs to other hooks of a pod's device. */
export const moveHooksRoutes =
  (agent: AgentServices): FastifyPluginAsyncZod =>
  async (app) => {
    app.put(
      '/pods/:id/hooks',
      {
        schema: {
          summary:
            'Moves Podlane’s programs of a netkit device to tcx hooks of its primary, or back to netkit hooks',
          description: 'The device stays. No packet is lost, and none bypasses the programs.',
          tags: ['pods'],
          params: podParamsSchema,
          body: hookPlacementSchema,
          response: { 200: podSchema, ...problemResponses },
        },
      },
      ({ params, body, headers }) =>
        agent.pods.moveHooks(agent.pods.find(params.id), body.to, readActor(headers)),
    );
  };

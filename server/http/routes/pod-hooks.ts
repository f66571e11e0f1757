import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { pod } from '../../../contract/pod.ts';
import { hookPlacement } from '../../../contract/settings.ts';
import { actorOf } from '../actor.ts';
import type { Agent } from '../agent.ts';
import { problemResponses } from '../openapi.ts';
import { podParams } from '../pod-ref.ts';

/** The hooks that a pod's programs are attached to. */
export const podHookRoutes =
  (agent: Agent): FastifyPluginAsyncZod =>
  async (app) => {
    app.put(
      '/pods/:id/hooks',
      {
        schema: {
          summary:
            'Moves Podlane’s programs of a netkit device to tcx hooks of its primary, or back to netkit hooks',
          description: 'The device stays. No packet is lost, and none bypasses the programs.',
          tags: ['pods'],
          params: podParams,
          body: hookPlacement,
          response: { 200: pod, ...problemResponses },
        },
      },
      ({ params, body, headers }) =>
        agent.pods.moveHooks(agent.pods.find(params.id), body.to, actorOf(headers)),
    );
  };

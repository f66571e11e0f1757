import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { pod } from '../../../contract/pod.ts';
import { hookPlace } from '../../../contract/settings.ts';
import { actorOf } from '../actor.ts';
import type { Agent } from '../agent.ts';
import { problemResponses } from '../openapi.ts';
import { podParams } from './pods.ts';

export const hookRoutes =
  (agent: Agent): FastifyPluginAsyncZod =>
  async (app) => {
    app.put(
      '/pods/:id/hooks',
      {
        schema: {
          summary: 'Moves the programs of the pod’s netkit device to its primary (attach fallback), or back',
          description: 'The device stays, and no packet is lost or goes by unchecked.',
          tags: ['pods'],
          params: podParams,
          body: hookPlace,
          response: { 200: pod, ...problemResponses },
        },
      },
      ({ params, body, headers }) =>
        agent.pods.moveHooks(agent.pods.find(params.id), body.to, actorOf(headers['x-podlane-actor'])),
    );
  };

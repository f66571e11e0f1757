import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { guardChoice, nodeGuard, podGuard } from '../../../contract/guard.ts';
import { actorOf } from '../actor.ts';
import type { Agent } from '../agent.ts';
import { problemResponses } from '../openapi.ts';
import { podParams } from './pods.ts';

const tags = ['guard'];

export const guardRoutes =
  (agent: Agent): FastifyPluginAsyncZod =>
  async (app) => {
    app.get(
      '/node/guard',
      {
        schema: {
          summary: 'What the guard of the node’s pods goes by, and how many it watches',
          tags,
          response: { 200: nodeGuard, ...problemResponses },
        },
      },
      () => agent.guard.node(),
    );

    app.put(
      '/node/guard',
      {
        schema: {
          summary: 'Chooses what the guard goes by where nothing is chosen for a pod',
          description: 'Replaces what was chosen before; what is left out is by default.',
          tags,
          body: guardChoice,
          response: { 200: nodeGuard, ...problemResponses },
        },
      },
      ({ body, headers }) => agent.guard.chooseForNode(body, actorOf(headers['x-podlane-actor'])),
    );

    app.get(
      '/pods/:id/guard',
      {
        schema: {
          summary: 'What the guard sees of the pod, what it goes by and what it did',
          tags,
          params: podParams,
          response: { 200: podGuard, ...problemResponses },
        },
      },
      ({ params }) => agent.guard.of(agent.pods.find(params.id)),
    );

    app.put(
      '/pods/:id/guard',
      {
        schema: {
          summary: 'Chooses what the guard of this pod goes by',
          description: 'Replaces what was chosen before; what is left out is as for the node.',
          tags,
          params: podParams,
          body: guardChoice,
          response: { 200: podGuard, ...problemResponses },
        },
      },
      ({ params, body, headers }) =>
        agent.guard.chooseForPod(agent.pods.find(params.id), body, actorOf(headers['x-podlane-actor'])),
    );

    app.delete(
      '/pods/:id/guard',
      {
        schema: {
          summary: 'Takes back what was chosen for the pod: its guard goes by the node’s',
          tags,
          params: podParams,
          response: { 200: podGuard, ...problemResponses },
        },
      },
      ({ params, headers }) =>
        agent.guard.chooseForPod(agent.pods.find(params.id), null, actorOf(headers['x-podlane-actor'])),
    );

    app.post(
      '/pods/:id/guard/resume',
      {
        schema: {
          summary: 'Lets the guard begin anew with a pod that it left alone, or moved to veth',
          tags,
          params: podParams,
          response: { 200: podGuard, ...problemResponses },
        },
      },
      ({ params, headers }) =>
        agent.guard.resume(agent.pods.find(params.id), actorOf(headers['x-podlane-actor'])),
    );
  };

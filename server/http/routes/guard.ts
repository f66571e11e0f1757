import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { guardThresholdOverridesSchema, nodeGuardSchema, podGuardSchema } from '../../../contract/guard.ts';
import { readActor } from '../actor.ts';
import type { AgentServices } from '../agent-services.ts';
import { problemResponses } from '../openapi.ts';
import { podParamsSchema } from '../pod-parameter.ts';

const tags = ['guard'];

/** HTTP routes of the guard, which detects and repairs unhealthy pods. */
export const guardRoutes =
  (agent: AgentServices): FastifyPluginAsyncZod =>
  async (app) => {
    app.get(
      '/node/guard',
      {
        schema: {
          summary: 'Returns the guard’s thresholds for the node, and how many pods it watches',
          tags,
          response: { 200: nodeGuardSchema, ...problemResponses },
        },
      },
      () => agent.guard.node(),
    );

    app.put(
      '/node/guard',
      {
        schema: {
          summary: 'Sets the guard’s thresholds for pods without thresholds of their own',
          description: 'Replaces all thresholds of the node; those left out return to their defaults.',
          tags,
          body: guardThresholdOverridesSchema,
          response: { 200: nodeGuardSchema, ...problemResponses },
        },
      },
      ({ body, headers }) => agent.guard.chooseForNode(body, readActor(headers)),
    );

    app.get(
      '/pods/:id/guard',
      {
        schema: {
          summary: 'Returns the guard’s readings, thresholds and actions for a pod',
          tags,
          params: podParamsSchema,
          response: { 200: podGuardSchema, ...problemResponses },
        },
      },
      ({ params }) => agent.guard.of(agent.pods.find(params.id)),
    );

    app.put(
      '/pods/:id/guard',
      {
        schema: {
          summary: 'Sets the guard’s thresholds for a pod',
          description: 'Replaces all thresholds of the pod; those left out are the node’s.',
          tags,
          params: podParamsSchema,
          body: guardThresholdOverridesSchema,
          response: { 200: podGuardSchema, ...problemResponses },
        },
      },
      ({ params, body, headers }) =>
        agent.guard.chooseForPod(agent.pods.find(params.id), body, readActor(headers)),
    );

    app.delete(
      '/pods/:id/guard',
      {
        schema: {
          summary: 'Removes a pod’s thresholds: the node’s apply',
          tags,
          params: podParamsSchema,
          response: { 200: podGuardSchema, ...problemResponses },
        },
      },
      ({ params, headers }) => agent.guard.chooseForPod(agent.pods.find(params.id), null, readActor(headers)),
    );

    app.post(
      '/pods/:id/guard/resume',
      {
        schema: {
          summary: 'Resumes automatic recovery for a pod',
          tags,
          params: podParamsSchema,
          response: { 200: podGuardSchema, ...problemResponses },
        },
      },
      ({ params, headers }) => agent.guard.resume(agent.pods.find(params.id), readActor(headers)),
    );
  };

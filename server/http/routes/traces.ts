import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { createPageSchema } from '../../../contract/pagination.ts';
import { newTraceSchema, traceSchema, traceSummarySchema } from '../../../contract/trace.ts';
import { readActor } from '../actor.ts';
import type { AgentServices } from '../agent-services.ts';
import { problemResponses } from '../openapi.ts';

const tags = ['trace'];
const params = z.object({ id: z.string().max(64) });

/** HTTP routes of packet traces of pods. */
export const traceRoutes =
  (agent: AgentServices): FastifyPluginAsyncZod =>
  async (app) => {
    app.post(
      '/traces',
      {
        schema: {
          summary: 'Traces packets of a pod through the hooks of all pods',
          description:
            'Responds once the BPF programs report packets. The trace and the stream topic `trace` have the packets. At most 4 traces run at a time. Observations of a packet are matched by headers that do not change on its path: addresses, ports, identification, sequence numbers, length.',
          tags,
          body: newTraceSchema,
          response: { 201: traceSchema, ...problemResponses },
        },
      },
      async ({ body, headers }, reply) => {
        const started = await agent.traces.start(body, readActor(headers));
        return reply.code(201).header('location', `/api/v1/traces/${started.id}`).send(started);
      },
    );

    app.get(
      '/traces',
      {
        schema: {
          summary: 'Lists running and recently ended traces, newest first',
          tags,
          response: { 200: createPageSchema(traceSummarySchema), ...problemResponses },
        },
      },
      () => ({ items: agent.traces.list(), next: null }),
    );

    app.get(
      '/traces/:id',
      {
        schema: {
          summary: 'Returns a trace with its packets',
          tags,
          params,
          response: { 200: traceSchema, ...problemResponses },
        },
      },
      ({ params: { id } }) => agent.traces.get(id),
    );

    app.delete(
      '/traces/:id',
      {
        schema: {
          summary: 'Stops a trace; its packets stay available for a while',
          tags,
          params,
          response: { 200: traceSchema, ...problemResponses },
        },
      },
      ({ params: { id } }) => agent.traces.stop(id),
    );
  };

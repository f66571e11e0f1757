import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { listOf } from '../../../contract/list.ts';
import { newTrace, trace, traceSummary } from '../../../contract/trace.ts';
import { actorOf } from '../actor.ts';
import type { Agent } from '../agent.ts';
import { problemResponses } from '../openapi.ts';

const tags = ['trace'];
const params = z.object({ id: z.string().max(64) });

/** Live traces of a pod's packets. */
export const traceRoutes =
  (agent: Agent): FastifyPluginAsyncZod =>
  async (app) => {
    app.post(
      '/traces',
      {
        schema: {
          summary: 'Follows a pod’s packets through the hooks of all pods',
          description:
            'Answers once the programs tell of the packets; the stream’s topic `trace` brings them, and the trace itself has them when asked. At most 4 run at a time. The same packet is known again by what does not change on its way: addresses, ports, identification, sequence numbers, length.',
          tags,
          body: newTrace,
          response: { 201: trace, ...problemResponses },
        },
      },
      async ({ body, headers }, reply) => {
        const started = await agent.traces.start(body, actorOf(headers));
        return reply.code(201).header('location', `/api/v1/traces/${started.id}`).send(started);
      },
    );

    app.get(
      '/traces',
      {
        schema: {
          summary: 'Traces that run and the last that have ended, the newest first',
          tags,
          response: { 200: listOf(traceSummary), ...problemResponses },
        },
      },
      () => ({ items: agent.traces.list(), next: null }),
    );

    app.get(
      '/traces/:id',
      {
        schema: {
          summary: 'A trace with its packets',
          tags,
          params,
          response: { 200: trace, ...problemResponses },
        },
      },
      ({ params: { id } }) => agent.traces.get(id),
    );

    app.delete(
      '/traces/:id',
      {
        schema: {
          summary: 'Ends a trace; what it saw is kept for a while',
          tags,
          params,
          response: { 200: trace, ...problemResponses },
        },
      },
      ({ params: { id } }) => agent.traces.stop(id),
    );
  };

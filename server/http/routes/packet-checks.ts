import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { packetChecksSchema, podPacketChecksSchema } from '../../../contract/packet-checks.ts';
import { countLostByChecks } from '../../trace/lost-by-checks.ts';
import { readActor } from '../actor.ts';
import type { AgentServices } from '../agent-services.ts';
import { problemResponses } from '../openapi.ts';
import { podParamsSchema } from '../pod-parameter.ts';

const tags = ['pods'];
const responses = { 200: podPacketChecksSchema, ...problemResponses };

/** HTTP routes of a pod's packet checks: its sources, and frames other than IP. */
export const packetCheckRoutes =
  (agent: AgentServices): FastifyPluginAsyncZod =>
  async (app) => {
    const read = (id: string) => {
      const { ours } = agent.drops.of(id);
      const count = (reason: string): number =>
        ours.reduce((sum, drops) => sum + (drops.reason === reason ? drops.packets : 0), 0);
      return {
        checks: agent.pods.packetChecks(id),
        lost: {
          ...countLostByChecks(agent.verdicts.matching({ pod: id, verdict: 'dropped' }), id),
          counted: { spoofedSource: count('spoofed_source'), unknownProtocol: count('unknown_protocol') },
        },
      };
    };

    app.get(
      '/pods/:id/checks',
      {
        schema: {
          summary: 'Returns the sources and frames that a pod may use, and what it loses by the checks',
          tags,
          params: podParamsSchema,
          response: responses,
        },
      },
      ({ params }) => read(agent.pods.find(params.id)),
    );

    app.put(
      '/pods/:id/checks',
      {
        schema: {
          summary: 'Changes the sources and frames that a pod may use',
          description:
            'Replaces all of its checks; those left out return to their defaults. They apply to the next packet and persist.',
          tags,
          params: podParamsSchema,
          body: packetChecksSchema,
          response: responses,
        },
      },
      async ({ params, body, headers }) => {
        const id = agent.pods.find(params.id);
        await agent.pods.setPacketChecks(id, body, readActor(headers));
        return read(id);
      },
    );
  };

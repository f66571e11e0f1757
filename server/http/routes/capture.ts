import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { requireValue } from '../../../contract/require-value.ts';
import { captureQuerySchema, primaryCaptureDescriptions } from '../../../contract/trace.ts';
import type { AgentServices } from '../agent-services.ts';
import { problemResponses } from '../openapi.ts';
import { podParamsSchema } from '../pod-parameter.ts';

/** Unregistered media type of pcapng files that Wireshark and desktops use. */
const pcapng = 'application/x-pcapng';

export const captureRoutes =
  (agent: AgentServices): FastifyPluginAsyncZod =>
  async (app) => {
    app.get(
      '/pods/:id/capture',
      {
        config: { role: 'operator' },
        schema: {
          summary: 'Captures packets at the primary of the pod’s device in pcapng format',
          description: `The response streams packets until a limit is reached or the client disconnects. Times are the kernel’s, in ns; the last block counts packets that the kernel dropped. With programs on netkit hooks it shows ${primaryCaptureDescriptions.netkit}. With programs on tcx or tc hooks it shows ${primaryCaptureDescriptions.tcx}.`,
          tags: ['trace'],
          params: podParamsSchema,
          querystring: captureQuerySchema,
          response: {
            200: {
              description: 'pcapng',
              content: { [pcapng]: { schema: z.any().describe('draft-ietf-opsawg-pcapng') } },
            },
            ...problemResponses,
          },
        },
      },
      async ({ params, query }, reply) => {
        const id = agent.pods.find(params.id);
        const { namespace, name } = requireValue(
          agent.pods.summaries().find((pod) => pod.id === id),
          `pod ${id}`,
        );
        const file = await agent.captures.open(id, query);
        const time = new Date().toISOString().slice(0, 19).replaceAll(':', '');
        return reply
          .type(pcapng)
          .header('content-disposition', `attachment; filename="${namespace}.${name}-${time}.pcapng"`)
          .send(file);
      },
    );
  };

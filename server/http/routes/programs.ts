import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import {
  bpfLinkList,
  program,
  programInstructions,
  programList,
  programStatistics,
  statisticsChoice,
} from '../../../contract/program.ts';
import type { Agent } from '../agent.ts';
import { problemResponses } from '../openapi.ts';

const tags = ['programs'];
const params = z.object({ id: z.coerce.number().int().min(1).max(0xffff_ffff) });

/** All eBPF programs and links of the node, whoever loaded them. */
export const programRoutes =
  (agent: Agent): FastifyPluginAsyncZod =>
  async (app) => {
    app.get(
      '/programs',
      {
        schema: {
          summary: 'All eBPF programs of the node, ours first: what they cost, and where they are attached',
          description: 'Who asks looks: the kernel counts runs and run time for the next 30 seconds.',
          tags,
          response: { 200: programList, ...problemResponses },
        },
      },
      () => agent.programs.list(),
    );

    app.put(
      '/programs/statistics',
      {
        schema: {
          summary: 'Whether the kernel counts runs and run time always, or only while somebody looks',
          tags,
          body: statisticsChoice,
          response: { 200: programStatistics, ...problemResponses },
        },
      },
      ({ body }) => agent.programs.chooseStatistics(body.always),
    );

    app.get(
      '/programs/:id',
      {
        schema: {
          summary: 'An eBPF program with everything that it is attached to',
          tags,
          params,
          response: { 200: program, ...problemResponses },
        },
      },
      ({ params: { id } }) => agent.programs.get(id),
    );

    app.get(
      '/programs/:id/instructions',
      {
        schema: {
          summary:
            'The translated instructions of a program, with the lines of its source where BTF has them',
          tags,
          params,
          response: { 200: programInstructions, ...problemResponses },
        },
      },
      ({ params: { id } }) => agent.programs.instructions(id),
    );

    app.get(
      '/bpf-links',
      {
        schema: {
          summary: 'All BPF links of the node: what holds a program at a place, and who holds it',
          tags,
          response: { 200: bpfLinkList, ...problemResponses },
        },
      },
      async () => ({ items: await agent.programs.links() }),
    );
  };

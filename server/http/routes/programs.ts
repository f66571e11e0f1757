import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import {
  bpfLinkListSchema,
  bpfProgramSchema,
  programInstructionsSchema,
  programListSchema,
  runStatisticsSettingSchema,
  runStatisticsStateSchema,
} from '../../../contract/program.ts';
import type { AgentServices } from '../agent-services.ts';
import { problemResponses } from '../openapi.ts';

const tags = ['programs'];
const params = z.object({ id: z.coerce.number().int().min(1).max(0xffff_ffff) });

/** HTTP routes of the node's BPF programs and links, including those of other software. */
export const programRoutes =
  (agent: AgentServices): FastifyPluginAsyncZod =>
  async (app) => {
    app.get(
      '/programs',
      {
        schema: {
          summary: 'Lists all BPF programs of the node with their cost and attach points, Podlane’s first',
          description: 'Enables BPF run-time statistics for 30 s.',
          tags,
          response: { 200: programListSchema, ...problemResponses },
        },
      },
      () => agent.programs.list(),
    );

    app.put(
      '/programs/statistics',
      {
        schema: {
          summary:
            'Sets whether BPF run-time statistics are always enabled, or only while a client reads them',
          tags,
          body: runStatisticsSettingSchema,
          response: { 200: runStatisticsStateSchema, ...problemResponses },
        },
      },
      ({ body }) => agent.programs.chooseStatistics(body.always),
    );

    app.get(
      '/programs/:id',
      {
        schema: {
          summary: 'Returns a BPF program with its attach points',
          tags,
          params,
          response: { 200: bpfProgramSchema, ...problemResponses },
        },
      },
      ({ params: { id } }) => agent.programs.get(id),
    );

    app.get(
      '/programs/:id/instructions',
      {
        schema: {
          summary: 'Returns the translated instructions of a program, with source lines where BTF has them',
          tags,
          params,
          response: { 200: programInstructionsSchema, ...problemResponses },
        },
      },
      ({ params: { id } }) => agent.programs.instructions(id),
    );

    app.get(
      '/bpf-links',
      {
        schema: {
          summary: 'Lists all BPF links of the node with their programs, targets and owners',
          tags,
          response: { 200: bpfLinkListSchema, ...problemResponses },
        },
      },
      async () => ({ items: await agent.programs.links() }),
    );
  };

import { Readable } from 'node:stream';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Verdict } from '../../../contract/verdict.ts';
import { verdictListQuerySchema, verdictListSchema, verdictQuerySchema } from '../../../contract/verdict.ts';
import type { AgentServices } from '../agent-services.ts';
import { problemResponses } from '../openapi.ts';

const tags = ['verdicts'];
const jsonLines = 'application/x-ndjson';
/** Number of verdicts encoded per chunk, small enough not to block the event loop. */
const linesAtOnce = 500;

/** HTTP routes of the verdicts on packets that BPF programs dropped or logged. */
export const verdictRoutes =
  (agent: AgentServices): FastifyPluginAsyncZod =>
  async (app) => {
    app.get(
      '/verdicts',
      {
        schema: {
          summary: 'Lists dropped and logged packets, newest first',
          description:
            'Sampled: events are rate-limited per pod, and the log keeps the most recent. `losses` counts what is missing. The stream topic `verdicts` has new ones.',
          tags,
          querystring: verdictListQuerySchema,
          response: { 200: verdictListSchema, ...problemResponses },
        },
      },
      ({ query }) => agent.verdicts.page(query),
    );

    app.get(
      '/verdicts/export',
      {
        schema: {
          summary: 'Exports the matching part of the log as JSON lines, oldest first',
          tags,
          querystring: verdictQuerySchema,
          response: {
            200: {
              description: 'One verdict per line',
              content: { [jsonLines]: { schema: z.any().describe('lines of Verdict') } },
            },
            ...problemResponses,
          },
        },
      },
      ({ query }, reply) =>
        reply
          .type(jsonLines)
          .header('content-disposition', 'attachment; filename="verdicts.jsonl"')
          .send(Readable.from(linesOf(agent.verdicts.matching(query)))),
    );
  };

function* linesOf(verdicts: Iterable<Verdict>): Generator<string> {
  let lines = '';
  let count = 0;
  for (const verdict of verdicts) {
    lines += `${JSON.stringify(verdict)}\n`;
    count += 1;
    if (count % linesAtOnce !== 0) continue;
    yield lines;
    lines = '';
  }
  yield lines;
}

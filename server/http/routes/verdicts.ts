import { Readable } from 'node:stream';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { Verdict } from '../../../contract/verdict.ts';
import { verdictList, verdictListQuery, verdictQuery } from '../../../contract/verdict.ts';
import type { Agent } from '../agent.ts';
import { problemResponses } from '../openapi.ts';

const tags = ['verdicts'];
const jsonLines = 'application/x-ndjson';
/** Lines that are made at once: few enough not to hold up what else the agent does. */
const linesAtOnce = 500;

/** Dropped and logged packets, as the programs tell of them. */
export const verdictRoutes =
  (agent: Agent): FastifyPluginAsyncZod =>
  async (app) => {
    app.get(
      '/verdicts',
      {
        schema: {
          summary: 'Packets that were dropped or logged, the newest first',
          description:
            'A sample of them: each pod has a rate, and the log keeps the last ones. `losses` counts what it does not show. New ones come over the stream, topic `verdicts`.',
          tags,
          querystring: verdictListQuery,
          response: { 200: verdictList, ...problemResponses },
        },
      },
      ({ query }) => agent.verdicts.page(query),
    );

    app.get(
      '/verdicts/export',
      {
        schema: {
          summary: 'All of the log that the filter lets through, the oldest first, as JSON lines',
          tags,
          querystring: verdictQuery,
          response: {
            200: {
              description: 'a verdict a line',
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

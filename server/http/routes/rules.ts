import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { listOf } from '../../../contract/list.ts';
import {
  activeRules,
  explainRequest,
  explanation,
  ruleEntries,
  ruleSetName,
  ruleStatistics,
  ruleVersion,
  ruleVersionText,
  ruleView,
  stagedRulesResponse,
} from '../../../contract/rules.ts';
import type { Agent } from '../agent.ts';
import { problemResponses } from '../openapi.ts';
import { pageQuery } from '../paging.ts';
import { resolvePodId } from '../pod-ref.ts';
import { changeOf, comment, ruleTextRoutes, send, sendDraft } from './rule-text.ts';

const tags = ['rules'];

const set = ruleSetName.default('active');
const numberParam = z.object({
  number: z.coerce
    .number()
    .int()
    .min(1)
    .max(2 ** 31),
});
const changed = { 200: activeRules, ...problemResponses };

/** Access rules: those in force, those that are tried out, and what they mean in the kernel. */
export const ruleRoutes =
  (agent: Agent): FastifyPluginAsyncZod =>
  async (app) => {
    app.get(
      '/rules',
      { schema: { summary: 'The rules in force, and how the kernel has them', tags, response: changed } },
      (_, reply) => send(reply, agent.rules.active()),
    );

    app.delete(
      '/rules',
      {
        schema: {
          summary: 'Takes the rules away: all packets pass',
          tags,
          querystring: z.object({ comment }),
          response: changed,
        },
      },
      async (request, reply) =>
        send(reply, await agent.rules.remove(changeOf(request, request.query.comment))),
    );

    app.get(
      '/rules/export',
      {
        schema: {
          summary: 'The rules as YAML, as they were written',
          tags,
          querystring: z.object({ set }),
          response: {
            200: { description: 'OK', content: { 'application/yaml': { schema: z.string() } } },
            ...problemResponses,
          },
        },
      },
      ({ query }, reply) => {
        reply
          .header('content-disposition', `attachment; filename="rules-${query.set}.yaml"`)
          .type('application/yaml; charset=utf-8');
        return agent.rules.text(query.set);
      },
    );

    app.get(
      '/rules/staged',
      {
        schema: {
          summary:
            'The rules that are tried out: they judge live traffic beside those in force, and only report',
          tags,
          response: { 200: stagedRulesResponse, ...problemResponses },
        },
      },
      (_, reply) => sendDraft(reply, agent.rules.staged()),
    );

    app.delete(
      '/rules/staged',
      {
        schema: {
          summary: 'Ends trying out',
          tags,
          response: { 204: z.null().describe('done'), ...problemResponses },
        },
      },
      async (request, reply) => {
        await agent.rules.discardStaged(changeOf(request));
        return reply.code(204).send(null);
      },
    );

    app.post(
      '/rules/staged/apply',
      {
        schema: {
          summary: 'Puts the draft in force',
          description:
            'Refused with `rules_changed` when the rules in force are no longer those that it was saved beside.',
          tags,
          querystring: z.object({ comment }),
          response: changed,
        },
      },
      async (request, reply) =>
        send(reply, await agent.rules.applyStaged(changeOf(request, request.query.comment))),
    );

    app.get(
      '/rules/versions',
      {
        schema: {
          summary: 'Rules that were in force, the newest first',
          tags,
          querystring: pageQuery,
          response: { 200: listOf(ruleVersion), ...problemResponses },
        },
      },
      ({ query }) => agent.rules.versions(query),
    );

    app.get(
      '/rules/versions/:number',
      {
        schema: {
          summary: 'A version with its text',
          tags,
          params: numberParam,
          response: { 200: ruleVersionText, ...problemResponses },
        },
      },
      async ({ params }, reply) => send(reply, await agent.rules.version(params.number)),
    );

    app.post(
      '/rules/versions/:number/apply',
      {
        schema: {
          summary: 'Puts a version in force again, as a new one: undo',
          tags,
          params: numberParam,
          querystring: z.object({ comment }),
          response: changed,
        },
      },
      async (request, reply) => {
        const { params, query } = request;
        return send(reply, await agent.rules.rollBack(params.number, changeOf(request, query.comment)));
      },
    );

    app.get(
      '/rules/entries',
      {
        schema: {
          summary: 'Entries of the kernel’s verdict table: whose they are, and how often they decided',
          tags,
          querystring: z.object({
            set,
            rule: z.string().max(400).optional().describe('that decides or records by them'),
            pod: z.string().max(320).optional().describe('whose packets come to them'),
            cursor: z
              .string()
              .regex(/^\d{1,9}$/, 'not the `next` of a page')
              .default('0'),
            limit: z.coerce.number().int().min(1).max(500).default(100),
          }),
          response: { 200: ruleEntries, ...problemResponses },
        },
      },
      ({ query: { set, rule, pod, cursor, limit } }) =>
        agent.rules.queries.entries(
          set,
          { rule, pod: pod && resolvePodId(agent, pod) },
          Number(cursor),
          limit,
        ),
    );

    app.get(
      '/rules/statistics',
      {
        schema: {
          summary: 'Of each rule, the pods it applies to, its entries and the packets that it decided',
          tags,
          querystring: z.object({ set }),
          response: { 200: ruleStatistics, ...problemResponses },
        },
      },
      ({ query }) => agent.rules.queries.statistics(query.set),
    );

    app.post(
      '/rules/explain',
      {
        config: { role: 'viewer' },
        schema: {
          summary:
            'What the rules say to the first packet of a connection, by which rule and entries, and which came later',
          tags,
          body: explainRequest,
          response: { 200: explanation, ...problemResponses },
        },
      },
      ({ body }) => agent.rules.queries.explain(body),
    );

    app.get(
      '/rules/:name',
      {
        schema: {
          summary: 'A rule with its pods and entries',
          tags,
          params: z.object({ name: z.string().max(400) }),
          querystring: z.object({ set }),
          response: { 200: ruleView, ...problemResponses },
        },
      },
      ({ params, query }) => agent.rules.queries.rule(query.set, params.name),
    );

    await app.register(ruleTextRoutes(agent));
  };

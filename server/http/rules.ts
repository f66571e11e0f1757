import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { listOf } from '../../contract/list.ts';
import {
  activeRules,
  draftAnswer,
  explainQuestion,
  explanation,
  ruleEntries,
  ruleStatistics,
  ruleVersion,
  ruleVersionText,
  ruleView,
  whichRules,
} from '../../contract/rules.ts';
import type { Agent } from './agent.ts';
import { refusals } from './openapi.ts';
import { page, podId } from './page.ts';
import { changeOf, comment, ruleTextRoutes, send, sendDraft } from './rule-text.ts';

const tags = ['rules'];

const set = whichRules.default('active');
const numberParam = z.object({
  number: z.coerce
    .number()
    .int()
    .min(1)
    .max(2 ** 31),
});
const changed = { 200: activeRules, ...refusals };

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
            ...refusals,
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
      '/rules/draft',
      {
        schema: {
          summary:
            'The rules that are tried out: they judge live traffic beside those in force, and only report',
          tags,
          response: { 200: draftAnswer, ...refusals },
        },
      },
      (_, reply) => sendDraft(reply, agent.rules.draft()),
    );

    app.delete(
      '/rules/draft',
      {
        schema: {
          summary: 'Ends trying out',
          tags,
          response: { 204: z.null().describe('done'), ...refusals },
        },
      },
      async (request, reply) => {
        await agent.rules.removeDraft(changeOf(request));
        return reply.code(204).send(null);
      },
    );

    app.post(
      '/rules/draft/apply',
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
        send(reply, await agent.rules.applyDraft(changeOf(request, request.query.comment))),
    );

    app.get(
      '/rules/versions',
      {
        schema: {
          summary: 'Rules that were in force, the newest first',
          tags,
          querystring: page,
          response: { 200: listOf(ruleVersion), ...refusals },
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
          response: { 200: ruleVersionText, ...refusals },
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
        return send(reply, await agent.rules.restore(params.number, changeOf(request, query.comment)));
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
          response: { 200: ruleEntries, ...refusals },
        },
      },
      ({ query: { set, rule, pod, cursor, limit } }) =>
        agent.rules.views.entries(set, { rule, pod: podId(agent, pod) }, Number(cursor), limit),
    );

    app.get(
      '/rules/statistics',
      {
        schema: {
          summary: 'Of each rule, the pods it applies to, its entries and the packets that it decided',
          tags,
          querystring: z.object({ set }),
          response: { 200: ruleStatistics, ...refusals },
        },
      },
      ({ query }) => agent.rules.views.statistics(query.set),
    );

    app.post(
      '/rules/explain',
      {
        config: { role: 'viewer' },
        schema: {
          summary:
            'What the rules say to the first packet of a connection, by which rule and entries, and which came later',
          tags,
          body: explainQuestion,
          response: { 200: explanation, ...refusals },
        },
      },
      ({ body }) => agent.rules.views.explain(body),
    );

    app.get(
      '/rules/:name',
      {
        schema: {
          summary: 'A rule with its pods and entries',
          tags,
          params: z.object({ name: z.string().max(400) }),
          querystring: z.object({ set }),
          response: { 200: ruleView, ...refusals },
        },
      },
      ({ params, query }) => agent.rules.views.rule(query.set, params.name),
    );

    await app.register(ruleTextRoutes(agent));
  };

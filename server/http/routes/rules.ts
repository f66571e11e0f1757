import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { createPageSchema } from '../../../contract/pagination.ts';
import {
  activeRulesSchema,
  explainRequestSchema,
  ruleEntriesSchema,
  ruleExplanationSchema,
  ruleSetNameSchema,
  ruleStatisticsSchema,
  ruleVersionSchema,
  ruleVersionTextSchema,
  ruleViewSchema,
  stagedRulesResponseSchema,
} from '../../../contract/rules.ts';
import type { AgentServices } from '../agent-services.ts';
import { problemResponses } from '../openapi.ts';
import { pageQuerySchema } from '../page-query.ts';
import { resolvePodId } from '../pod-parameter.ts';
import {
  readRuleChangeMetadata,
  ruleCommentSchema,
  ruleTextRoutes,
  sendRulesWithEtag,
  sendStagedRules,
} from './rule-text.ts';

const tags = ['rules'];

const set = ruleSetNameSchema.default('active');
const numberParam = z.object({
  number: z.coerce
    .number()
    .int()
    .min(1)
    .max(2 ** 31),
});
const changed = { 200: activeRulesSchema, ...problemResponses };

/** HTTP routes of the access rules: active and staged rules, versions, and policy table entries. */
export const ruleRoutes =
  (agent: AgentServices): FastifyPluginAsyncZod =>
  async (app) => {
    app.get(
      '/rules',
      {
        schema: {
          summary: 'Returns the active rules and their state in the kernel',
          tags,
          response: changed,
        },
      },
      (_, reply) => sendRulesWithEtag(reply, agent.rules.active()),
    );

    app.delete(
      '/rules',
      {
        schema: {
          summary: 'Removes the active rules: all traffic is allowed',
          tags,
          querystring: z.object({ comment: ruleCommentSchema }),
          response: changed,
        },
      },
      async (request, reply) =>
        sendRulesWithEtag(
          reply,
          await agent.rules.remove(readRuleChangeMetadata(request, request.query.comment)),
        ),
    );

    app.get(
      '/rules/export',
      {
        schema: {
          summary: 'Returns rules as YAML, as they were written',
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
          summary: 'Returns the staged rules, which are evaluated beside the active ones and not enforced',
          tags,
          response: { 200: stagedRulesResponseSchema, ...problemResponses },
        },
      },
      (_, reply) => sendStagedRules(reply, agent.rules.staged()),
    );

    app.delete(
      '/rules/staged',
      {
        schema: {
          summary: 'Discards the staged rules',
          tags,
          response: { 204: z.null().describe('discarded'), ...problemResponses },
        },
      },
      async (request, reply) => {
        await agent.rules.discardStaged(readRuleChangeMetadata(request));
        return reply.code(204).send(null);
      },
    );

    app.post(
      '/rules/staged/apply',
      {
        schema: {
          summary: 'Applies the staged rules and clears the stage',
          description:
            'Rejected with `rules_changed` when another version is active than when the rules were staged.',
          tags,
          querystring: z.object({ comment: ruleCommentSchema }),
          response: changed,
        },
      },
      async (request, reply) =>
        sendRulesWithEtag(
          reply,
          await agent.rules.applyStaged(readRuleChangeMetadata(request, request.query.comment)),
        ),
    );

    app.get(
      '/rules/versions',
      {
        schema: {
          summary: 'Lists versions of the rules, newest first',
          tags,
          querystring: pageQuerySchema,
          response: { 200: createPageSchema(ruleVersionSchema), ...problemResponses },
        },
      },
      ({ query }) => agent.rules.versions(query),
    );

    app.get(
      '/rules/versions/:number',
      {
        schema: {
          summary: 'Returns a version with its text',
          tags,
          params: numberParam,
          response: { 200: ruleVersionTextSchema, ...problemResponses },
        },
      },
      async ({ params }, reply) => sendRulesWithEtag(reply, await agent.rules.version(params.number)),
    );

    app.post(
      '/rules/versions/:number/apply',
      {
        schema: {
          summary: 'Rolls back to a version: applies it again, as a new one',
          tags,
          params: numberParam,
          querystring: z.object({ comment: ruleCommentSchema }),
          response: changed,
        },
      },
      async (request, reply) => {
        const { params, query } = request;
        return sendRulesWithEtag(
          reply,
          await agent.rules.rollBack(params.number, readRuleChangeMetadata(request, query.comment)),
        );
      },
    );

    app.get(
      '/rules/entries',
      {
        schema: {
          summary: 'Lists entries of the kernel’s policy tables with their pods, peers and packet counts',
          tags,
          querystring: z.object({
            set,
            rule: z.string().max(400).optional().describe('name of a rule that decides or logs'),
            pod: z
              .string()
              .max(320)
              .optional()
              .describe('id or namespace.name of a pod whose packets the entries decide'),
            cursor: z
              .string()
              .regex(/^\d{1,9}$/, 'not the `next` of a page')
              .default('0'),
            limit: z.coerce.number().int().min(1).max(500).default(100),
          }),
          response: { 200: ruleEntriesSchema, ...problemResponses },
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
          summary: 'Counts pods, entries and packets of each rule',
          tags,
          querystring: z.object({ set }),
          response: { 200: ruleStatisticsSchema, ...problemResponses },
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
            'Evaluates the first packet of a connection: verdict, deciding rule, look-ups, and shadowed rules',
          tags,
          body: explainRequestSchema,
          response: { 200: ruleExplanationSchema, ...problemResponses },
        },
      },
      ({ body }) => agent.rules.queries.explain(body),
    );

    app.get(
      '/rules/:name',
      {
        schema: {
          summary: 'Returns a rule with its pods and entries',
          tags,
          params: z.object({ name: z.string().max(400) }),
          querystring: z.object({ set }),
          response: { 200: ruleViewSchema, ...problemResponses },
        },
      },
      ({ params, query }) => agent.rules.queries.rule(query.set, params.name),
    );

    await app.register(ruleTextRoutes(agent));
  };

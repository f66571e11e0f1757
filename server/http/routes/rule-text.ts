import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import {
  activeRulesSchema,
  importedRulesSchema,
  rulesPlanSchema,
  stagedRulesResponseSchema,
} from '../../../contract/rules.ts';
import { readActor } from '../actor.ts';
import type { AgentServices } from '../agent-services.ts';
import { parseIfMatch } from '../if-match.ts';
import { problemResponses } from '../openapi.ts';

const tags = ['rules'];
/** Size limit of a rule text in bytes, enough for 10,000 rules of a few lines each. */
const maxRulesBytes = 8 << 20;
const textTypes = ['application/yaml', 'application/json'];
const textHint =
  'YAML or JSON of a rule set (schema RuleSet), or NetworkPolicies of networking.k8s.io/v1. If-Match takes the ETag that the change was made from; with an older one the change is rejected as `rules_changed`.';

export const ruleCommentSchema = z
  .string()
  .max(500)
  .optional()
  .describe('reason for the change, stored with the version');

/** HTTP routes that receive access rules as text in the request body. */
export const ruleTextRoutes =
  (agent: AgentServices): FastifyPluginAsyncZod =>
  async (app) => {
    acceptText(app);

    app.put(
      '/rules',
      {
        schema: {
          summary: 'Applies rules, or with `dryRun` returns what would change',
          description: `${textHint} Invalid rules are rejected with \`bad_rules\` and the lines of all errors; nothing is changed.`,
          tags,
          consumes: textTypes,
          body: z.string(),
          querystring: z.object({
            dryRun: z.enum(['true', 'false']).default('false'),
            rule: z
              .string()
              .max(400)
              .optional()
              .describe('dry run only: name of a rule to return with its entries'),
            comment: ruleCommentSchema,
          }),
          response: { 200: z.union([activeRulesSchema, rulesPlanSchema]), ...problemResponses },
        },
      },
      async (request, reply) => {
        const { body, query } = request;
        if (query.dryRun === 'true')
          return sendRulesWithEtag(reply, await agent.rules.plan(body, query.rule));
        return sendRulesWithEtag(
          reply,
          await agent.rules.apply(body, readRuleChangeMetadata(request, query.comment)),
        );
      },
    );

    app.put(
      '/rules/staged',
      {
        schema: {
          summary: 'Stages rules: live traffic is evaluated by them without enforcing them',
          description: textHint,
          tags,
          consumes: textTypes,
          body: z.string(),
          response: { 200: stagedRulesResponseSchema, ...problemResponses },
        },
      },
      async (request, reply) =>
        sendStagedRules(reply, await agent.rules.stage(request.body, readRuleChangeMetadata(request))),
    );

    app.post(
      '/rules/import',
      {
        config: { role: 'viewer' },
        schema: {
          summary: 'Parses a rule set or NetworkPolicies; nothing is applied',
          tags,
          consumes: textTypes,
          body: z.string(),
          response: { 200: importedRulesSchema, ...problemResponses },
        },
      },
      async ({ body }, reply) => sendRulesWithEtag(reply, await agent.rules.import(body)),
    );
  };

type App = Parameters<FastifyPluginAsyncZod>[0];

/** Registers a parser that passes rule bodies on as text, so that errors can be reported with line numbers. */
function acceptText(app: App): void {
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser(
    /^(application|text)\/(x-)?(yaml|json)\b/,
    { parseAs: 'string', bodyLimit: maxRulesBytes },
    (_request, body, done) => done(null, body),
  );
}

/** Reads the actor, comment and If-Match precondition of a rule change from a request. */
export const readRuleChangeMetadata = ({ headers }: FastifyRequest, comment?: string) => ({
  actor: readActor(headers),
  comment,
  precondition: parseIfMatch(headers['if-match']),
});

/**
 * Sends a response with an ETag header, without validating the body, which was built from validated rules and may be
 * large.
 */
export function sendRulesWithEtag<T extends object>(reply: FastifyReply, answer: T): T {
  if ('etag' in answer) reply.header('etag', `"${String(answer.etag)}"`);
  reply.type('application/json; charset=utf-8').serializer((payload: unknown) => JSON.stringify(payload));
  return answer;
}

export function sendStagedRules<T extends { etag: string }>(
  reply: FastifyReply,
  staged: T | null,
): { staged: T | null } {
  if (staged) reply.header('etag', `"${staged.etag}"`);
  return sendRulesWithEtag(reply, { staged });
}

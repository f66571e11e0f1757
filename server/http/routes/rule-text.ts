import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { ProblemError } from '../../../contract/problem.ts';
import {
  activeRulesSchema,
  importedRulesSchema,
  rulesPlanSchema,
  stagedRulesResponseSchema,
} from '../../../contract/rules.ts';
import { maxTextBytes } from '../../acl/spec/text-limits.ts';
import { readActor } from '../actor.ts';
import type { AgentServices } from '../agent-services.ts';
import { parseIfMatch } from '../if-match.ts';
import { problemResponses } from '../openapi.ts';

const tags = ['rules'];
const textTypes = ['application/yaml', 'application/json'];
const textHint =
  'YAML or JSON of a rule set (schema RuleSet), or NetworkPolicies of networking.k8s.io/v1. If-Match takes the ETag that the change was made from; with an older one the change is rejected as `rules_changed`.';

export const ruleCommentSchema = z
  .string()
  .max(500)
  .optional()
  .describe('reason for the change, stored with the version');

const mergeSchema = z
  .enum(['true', 'false'])
  .default('false')
  .describe(
    'merges the text into the active rules instead of replacing them: rules and NetworkPolicies of the same names are replaced, others added',
  );

/** HTTP routes that receive access rules as text in the request body. */
export const ruleTextRoutes =
  (agent: AgentServices): FastifyPluginAsyncZod =>
  async (app) => {
    acceptText(app);
    watchCallers(app);

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
            merge: mergeSchema,
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
        const merge = query.merge === 'true';
        const signal = signalUntilClosed(request);
        if (query.dryRun === 'true')
          return sendRulesWithEtag(reply, await agent.rules.plan(body, { rule: query.rule, merge, signal }));
        const change = readRuleChangeMetadata(request, query.comment);
        return sendRulesWithEtag(reply, await agent.rules.apply(body, change, { merge }));
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
          querystring: z.object({ merge: mergeSchema }),
          response: { 200: stagedRulesResponseSchema, ...problemResponses },
        },
      },
      async (request, reply) => {
        const merge = request.query.merge === 'true';
        const change = readRuleChangeMetadata(request);
        return sendStagedRules(reply, await agent.rules.stage(request.body, change, { merge }));
      },
    );

    app.post(
      '/rules/import',
      {
        config: { role: 'viewer' },
        schema: {
          summary: 'Parses a rule set or NetworkPolicies and says what they would change; nothing is applied',
          tags,
          consumes: textTypes,
          body: z.string(),
          querystring: z.object({ merge: mergeSchema }),
          response: { 200: importedRulesSchema, ...problemResponses },
        },
      },
      async (request, reply) => {
        const options = { merge: request.query.merge === 'true', signal: signalUntilClosed(request) };
        return sendRulesWithEtag(reply, await agent.rules.import(request.body, options));
      },
    );
  };

type App = Parameters<FastifyPluginAsyncZod>[0];

/** Registers a parser that passes rule bodies on as text, so that errors can be reported with line numbers. */
function acceptText(app: App): void {
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser(
    /^(application|text)\/(x-)?(yaml|json)\b/,
    { parseAs: 'string', bodyLimit: maxTextBytes },
    (_request, body, done) => done(null, body),
  );
}

/** Reads the actor, comment and If-Match precondition of a rule change from a request. */
export const readRuleChangeMetadata = (request: FastifyRequest, comment?: string) => ({
  actor: readActor(request.headers),
  comment,
  precondition: parseIfMatch(request.headers['if-match']),
  signal: signalUntilClosed(request),
});

const signals = new WeakMap<FastifyRequest, AbortSignal>();

/** Keeps a signal for each request of `app` that is aborted when the caller closes the connection before it has its answer. */
function watchCallers(app: App): void {
  app.addHook('onRequest', async (request, reply) => {
    const controller = new AbortController();
    signals.set(request, controller.signal);
    reply.raw.once('close', () =>
      controller.abort(new ProblemError('bad_request', 'the caller closed the connection')),
    );
  });
}

const signalUntilClosed = (request: FastifyRequest): AbortSignal | undefined => signals.get(request);

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

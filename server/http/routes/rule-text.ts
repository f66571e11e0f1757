import type { FastifyReply, FastifyRequest } from 'fastify';
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { activeRules, importedRules, rulesPlan, stagedRulesResponse } from '../../../contract/rules.ts';
import { actorOf } from '../actor.ts';
import type { Agent } from '../agent.ts';
import { problemResponses } from '../openapi.ts';

const tags = ['rules'];
/** Ten thousand rules of a few lines each. */
const maxRulesBytes = 8 << 20;
const textTypes = ['application/yaml', 'application/json'];
const textHint =
  'YAML or JSON of a rule set (the schema RuleSet), or NetworkPolicies of networking.k8s.io/v1. If-Match takes the ETag of what the change was made from; another is refused with `rules_changed`.';

export const comment = z.string().max(500).optional().describe('why, kept with the version');

/** What brings rules as a text. */
export const ruleTextRoutes =
  (agent: Agent): FastifyPluginAsyncZod =>
  async (app) => {
    readText(app);

    app.put(
      '/rules',
      {
        schema: {
          summary: 'Puts rules in force, or with `dryRun` tells what would change',
          description: `${textHint} What is not valid is refused with \`bad_rules\` and the lines, and changes nothing.`,
          tags,
          consumes: textTypes,
          body: z.string(),
          querystring: z.object({
            dryRun: z.enum(['true', 'false']).default('false'),
            rule: z.string().max(400).optional().describe('of a dry run: one to be shown with its entries'),
            comment,
          }),
          response: { 200: z.union([activeRules, rulesPlan]), ...problemResponses },
        },
      },
      async (request, reply) => {
        const { body, query } = request;
        if (query.dryRun === 'true') return send(reply, await agent.rules.plan(body, query.rule));
        return send(reply, await agent.rules.apply(body, changeOf(request, query.comment)));
      },
    );

    app.put(
      '/rules/staged',
      {
        schema: {
          summary: 'Saves a draft and tries it out on live traffic',
          description: textHint,
          tags,
          consumes: textTypes,
          body: z.string(),
          response: { 200: stagedRulesResponse, ...problemResponses },
        },
      },
      async (request, reply) => sendDraft(reply, await agent.rules.stage(request.body, changeOf(request))),
    );

    app.post(
      '/rules/import',
      {
        config: { role: 'viewer' },
        schema: {
          summary: 'Reads rules of ours or NetworkPolicies; nothing is applied',
          tags,
          consumes: textTypes,
          body: z.string(),
          response: { 200: importedRules, ...problemResponses },
        },
      },
      async ({ body }, reply) => send(reply, await agent.rules.import(body)),
    );
  };

type App = Parameters<FastifyPluginAsyncZod>[0];

/** Bodies of the routes of this plugin are texts: what is wrong in them is told by line. */
function readText(app: App): void {
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser(
    /^(application|text)\/(x-)?(yaml|json)\b/,
    { parseAs: 'string', bodyLimit: maxRulesBytes },
    (_request, body, done) => done(null, body),
  );
}

/** Who changes rules, from what state, and why. */
export const changeOf = ({ headers }: FastifyRequest, comment?: string) => ({
  actor: actorOf(headers),
  comment,
  ifMatch: headers['if-match'],
});

/** Made by the agent itself of what was checked when it was read: large sets are not looked through again. */
export function send<T extends object>(reply: FastifyReply, answer: T): T {
  if ('etag' in answer) reply.header('etag', `"${String(answer.etag)}"`);
  reply.type('application/json; charset=utf-8').serializer((payload: unknown) => JSON.stringify(payload));
  return answer;
}

export function sendDraft<T extends { etag: string }>(
  reply: FastifyReply,
  draft: T | null,
): { draft: T | null } {
  if (draft) reply.header('etag', `"${draft.etag}"`);
  return send(reply, { draft });
}

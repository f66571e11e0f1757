import { requireValue } from '../../../contract/require-value.ts';
import type { ActiveRules } from '../../../contract/rules.ts';
import {
  addJsonFile,
  type DebugDumpContext,
  formatAgentRefusal,
  toCompleteDebugDumpFile,
} from '../dump-context.ts';
import type { DebugDumpFileDescription } from '../dump-files.ts';
import { redactLine } from '../redact.ts';

/** Maximum number of pages to collect from one paginated list. */
const maxPages = 4;
const pageLength = 500;

/** API responses that the dump stores unchanged, each with request path, file name and title. */
const single: readonly [path: string, file: string, title: string][] = [
  ['/node', 'node.json', 'Node'],
  ['/node/settings', 'settings.json', 'Node settings'],
  ['/node/guard', 'guard.json', 'Node guard'],
  ['/health', 'health.json', 'Health'],
  ['/metrics', 'metrics.txt', 'Prometheus metrics'],
  ['/rules/staged', 'staged-rules.json', 'Staged access rules'],
  ['/rules/statistics', 'rule-statistics.json', 'Access rules by their decisions'],
  ['/rules/versions', 'rule-versions.json', 'Access rule versions'],
  ['/builds', 'builds.json', 'Datapath builds'],
  ['/runtimes', 'runtimes.json', 'Container runtimes'],
];

/** Paginated lists of the API, newest first. The dump also stores each batch in full. */
const lists: readonly [path: string, file: string, title: string][] = [
  ['/pods', 'pods', 'Pods'],
  ['/events', 'events', 'Events'],
  ['/migrations', 'migrations', 'Migrations with their journals'],
  ['/batches', 'batches', 'Batches'],
  ['/observed-pods', 'observed-pods', 'Pods that others made'],
];

/** Collects responses of the agent's API: settings, journals, events and metrics. */
export async function collectAgentResponses(context: DebugDumpContext): Promise<void> {
  const { agent, files } = context;
  if (agent === null)
    return files.noteMissing(
      { path: 'agent/', title: 'Agent', command: 'GET /api/v1' },
      'no agent responds: its journals, events, metrics and rules are missing',
    );
  await addJsonFile(
    files,
    { path: 'agent/configuration.json', title: 'Configuration, without secrets', command: 'server/main.ts' },
    // Redacts by field name too, so that a secret field added later is covered.
    () => JSON.parse(redactLine(JSON.stringify(agent.configuration))),
  );
  for (const [path, file, title] of single)
    await addAgentResponse(context, path, { path: `agent/${file}`, title });
  await addRules(context);
  for (const [path, file, title] of lists) await addList(context, path, file, title);
}

/** Adds the active rules to the dump with the sizes of their tables, and as YAML if there are any. */
async function addRules(context: DebugDumpContext): Promise<void> {
  const title = 'Active access rules, with the sizes of their tables';
  const answer = await addAgentResponse(context, '/rules', { path: 'agent/rules.json', title });
  if (answer === null || (JSON.parse(answer.toString('utf8')) as ActiveRules).rules === null) return;
  await addAgentResponse(context, '/rules/export', {
    path: 'agent/rules.yaml',
    title: 'Active access rules, as YAML',
  });
}

/**
 * Adds the response to a GET request unchanged, or records the error.
 * @returns the response; null if the request failed
 */
export async function addAgentResponse(
  { agent, files }: DebugDumpContext,
  path: string,
  wanted: Omit<DebugDumpFileDescription, 'command'>,
): Promise<Buffer | null> {
  let answer: Buffer | null = null;
  await files.add({ ...wanted, command: `GET /api/v1${path}` }, async () => {
    const { status, body } = await requireValue(agent, 'agent').get(path);
    if (status >= 400) throw new Error(formatAgentRefusal(status, body.toString('utf8')));
    answer = body;
    return toCompleteDebugDumpFile(body);
  });
  return answer;
}

async function addList(context: DebugDumpContext, path: string, file: string, title: string): Promise<void> {
  let before = '';
  for (let page = 1; page <= maxPages; page++) {
    const name = page === 1 ? file : `${file}-${page}`;
    const answer = await addAgentResponse(context, `${path}?limit=${pageLength}${before}`, {
      path: `agent/${name}.json`,
      title: page === 1 ? title : `${title}, page ${page}`,
    });
    if (answer === null) return;
    const { items, next } = JSON.parse(answer.toString('utf8')) as {
      items: { id: string }[];
      next: string | null;
    };
    if (path === '/batches')
      for (const { id } of items.slice(0, 10))
        await addAgentResponse(context, `/batches/${id}`, {
          path: `agent/batch-${id}.json`,
          title: 'A batch with its pods',
        });
    if (next === null) return;
    before = `&before=${next}`;
  }
}

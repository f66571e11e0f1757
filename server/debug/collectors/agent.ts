import type { ActiveRules } from '../../../contract/rules.ts';
import { addJson, completeContent, type DumpContext, refusalText } from '../dump-context.ts';
import type { FileDescription } from '../dump-files.ts';
import { redactLine } from '../redact.ts';

/** Pages of one list. */
const maxPages = 4;
const pageLength = 500;

/** GETs that are told as they answer: file and title. */
const single: readonly [path: string, file: string, title: string][] = [
  ['/node', 'node.json', 'Node'],
  ['/node/settings', 'settings.json', 'Settings of the node'],
  ['/node/guard', 'guard.json', 'Guard of the node'],
  ['/health', 'health.json', 'Health'],
  ['/metrics', 'metrics.txt', 'Prometheus metrics'],
  ['/rules/staged', 'rule-draft.json', 'Access rules that are tried out'],
  ['/rules/statistics', 'rule-statistics.json', 'Access rules by what they decided'],
  ['/rules/versions', 'rule-versions.json', 'Versions of the access rules'],
  ['/builds', 'builds.json', 'Builds of the datapath'],
];

/** Lists, newest first, and of batches the whole of each. */
const lists: readonly [path: string, file: string, title: string][] = [
  ['/pods', 'pods', 'Pods'],
  ['/events', 'events', 'Events'],
  ['/migrations', 'migrations', 'Migrations, with their journals'],
  ['/batches', 'batches', 'Batches'],
];

/** What the agent's API answers: settings, journals, events, metrics. */
export async function collectAgent(taking: DumpContext): Promise<void> {
  const { agent, files } = taking;
  if (agent === null)
    return files.noteMissing(
      { path: 'agent/', title: 'Agent', command: 'GET /api/v1' },
      'no agent answers: its journals, events, metrics and rules are not here',
    );
  await addJson(
    files,
    { path: 'agent/configuration.json', title: 'Configuration, without secrets', command: 'server/main.ts' },
    // By the fields' names too: one that is added some day shall not slip through.
    () => JSON.parse(redactLine(JSON.stringify(agent.configuration))),
  );
  for (const [path, file, title] of single)
    await addAgentResponse(taking, path, { path: `agent/${file}`, title });
  await addRules(taking);
  for (const [path, file, title] of lists) await addList(taking, path, file, title);
}

/** The rules in force with the sizes of their tables, and as they were written where there are any. */
async function addRules(taking: DumpContext): Promise<void> {
  const title = 'Access rules in force, with the sizes of their tables';
  const answer = await addAgentResponse(taking, '/rules', { path: 'agent/rules.json', title });
  if (answer === null || (JSON.parse(answer.toString('utf8')) as ActiveRules).rules === null) return;
  await addAgentResponse(taking, '/rules/export', {
    path: 'agent/rules.yaml',
    title: 'Access rules in force, as YAML',
  });
}

/** Adds what a GET answers, as it comes; a refusal is noted. @returns the answer, null when refused */
export async function addAgentResponse(
  { agent, files }: DumpContext,
  path: string,
  wanted: Omit<FileDescription, 'command'>,
): Promise<Buffer | null> {
  let answer: Buffer | null = null;
  await files.add({ ...wanted, command: `GET /api/v1${path}` }, async () => {
    const { status, body } = await agent!.get(path);
    if (status >= 400) throw new Error(refusalText(status, body.toString('utf8')));
    answer = body;
    return completeContent(body);
  });
  return answer;
}

async function addList(taking: DumpContext, path: string, file: string, title: string): Promise<void> {
  let before = '';
  for (let page = 1; page <= maxPages; page++) {
    const name = page === 1 ? file : `${file}-${page}`;
    const answer = await addAgentResponse(taking, `${path}?limit=${pageLength}${before}`, {
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
        await addAgentResponse(taking, `/batches/${id}`, {
          path: `agent/batch-${id}.json`,
          title: 'A batch with its pods',
        });
    if (next === null) return;
    before = `&before=${next}`;
  }
}

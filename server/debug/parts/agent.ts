import type { ActiveRules } from '../../../contract/rules.ts';
import type { Wanted } from '../collection.ts';
import { redactLine } from '../redact.ts';
import { addJson, refusalOf, type Taking, whole } from '../taking.ts';

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
  ['/rules/draft', 'rule-draft.json', 'Access rules that are tried out'],
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
export async function takeAgent(taking: Taking): Promise<void> {
  const { agent, files } = taking;
  if (agent === null)
    return files.note(
      { path: 'agent/', title: 'Agent', command: 'GET /api/v1' },
      'no agent answers: its journals, events, metrics and rules are not here',
    );
  await addJson(
    files,
    { path: 'agent/configuration.json', title: 'Configuration, without secrets', command: 'server/main.ts' },
    // By the fields' names too: one that is added some day shall not slip through.
    () => JSON.parse(redactLine(JSON.stringify(agent.configuration))),
  );
  for (const [path, file, title] of single) await addAnswer(taking, path, { path: `agent/${file}`, title });
  await addRules(taking);
  for (const [path, file, title] of lists) await addList(taking, path, file, title);
}

/** The rules in force with the sizes of their tables, and as they were written where there are any. */
async function addRules(taking: Taking): Promise<void> {
  const title = 'Access rules in force, with the sizes of their tables';
  const answer = await addAnswer(taking, '/rules', { path: 'agent/rules.json', title });
  if (answer === null || (JSON.parse(answer.toString('utf8')) as ActiveRules).rules === null) return;
  await addAnswer(taking, '/rules/export', {
    path: 'agent/rules.yaml',
    title: 'Access rules in force, as YAML',
  });
}

/** Adds what a GET answers, as it comes; a refusal is noted. @returns the answer, null when refused */
export async function addAnswer(
  { agent, files }: Taking,
  path: string,
  wanted: Omit<Wanted, 'command'>,
): Promise<Buffer | null> {
  let answer: Buffer | null = null;
  await files.add({ ...wanted, command: `GET /api/v1${path}` }, async () => {
    const { status, body } = await agent!.ask(path);
    if (status >= 400) throw new Error(refusalOf(status, body.toString('utf8')));
    answer = body;
    return whole(body);
  });
  return answer;
}

async function addList(taking: Taking, path: string, file: string, title: string): Promise<void> {
  let before = '';
  for (let page = 1; page <= maxPages; page++) {
    const name = page === 1 ? file : `${file}-${page}`;
    const answer = await addAnswer(taking, `${path}?limit=${pageLength}${before}`, {
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
        await addAnswer(taking, `/batches/${id}`, {
          path: `agent/batch-${id}.json`,
          title: 'A batch with its pods',
        });
    if (next === null) return;
    before = `&before=${next}`;
  }
}

import type { AdoptionPlan, Release, ReleasePlan } from '../../contract/adoption.ts';
import type { ObservedPodSummary } from '../../contract/observed-pod.ts';
import type { Pod } from '../../contract/pod.ts';
import { ProblemError } from '../../contract/problem.ts';
import type { AgentClient } from '../agent-client.ts';
import { type CliCommand, type CommandOption, printResult } from '../command.ts';
import { formatFieldLines, formatTextTable } from '../text-table.ts';
import {
  formatItems,
  formatMigration,
  formatPlan,
  throwUnlessDone,
  waitForEnd,
  withAcceptHint,
} from './migrate.ts';

const acceptOptions: Readonly<Record<string, CommandOption>> = {
  'dry-run': { summary: 'show the plan, and change nothing' },
  accept: { value: 'ID', repeatable: true, summary: 'accept this item of the plan; may be repeated' },
  'accept-all': { summary: 'accept whatever the plan names' },
};

export const adoptCommand: CliCommand = {
  name: 'adopt',
  parameters: ['OBSERVED'],
  summary: 'adopts a pod that others made, with the device that it has',
  details: `OBSERVED is an observed pod's id, its name, NAMESPACE.NAME, or the name of its host end. Podlane gets a record of
it and programs on its device; nothing else of it changes. It can be migrated then, and released.`,
  options: {
    ...acceptOptions,
    namespace: {
      value: 'NAME',
      summary: 'namespace that it gets; default: that of Kubernetes, or the runtime',
    },
    name: { value: 'NAME', summary: 'name that it gets; default: the one that its runtime gave it' },
  },
  async run(invocation) {
    const { agent } = invocation;
    const observed = await findObservedPod(agent, invocation.args[0] ?? '');
    const path = `/observed-pods/${encodeURIComponent(observed.id)}/adopt`;
    const [namespace, name] = [invocation.option('namespace'), invocation.option('name')];
    const body = { ...(namespace && { namespace }), ...(name && { name }) };
    if (invocation.flag('dry-run')) {
      const plan = await agent.request<AdoptionPlan>('POST', path, { body: { ...body, dryRun: true } });
      return printResult(invocation, plan, formatAdoptionPlan);
    }
    const accept = invocation.flag('accept-all') ? ['*'] : invocation.options('accept');
    const pod = await agent
      .request<Pod>('POST', path, { body: { ...body, accept } })
      .catch((error: unknown) => {
        throw withAcceptHint(error);
      });
    printResult(invocation, pod, formatAdopted);
  },
};

export const releaseCommand: CliCommand = {
  name: 'release',
  parameters: ['POD'],
  summary: 'gives an adopted pod back as it was before it was adopted',
  details: `A pod on a device of Podlane's first returns to one as others made it; waits until that has ended. Ctrl-C ends the
wait, not the release.`,
  options: acceptOptions,
  async run(invocation) {
    const { agent } = invocation;
    const [pod = ''] = invocation.args;
    const path = `/pods/${encodeURIComponent(pod)}/release`;
    if (invocation.flag('dry-run')) {
      const plan = await agent.request<ReleasePlan>('POST', path, { body: { dryRun: true } });
      return printResult(invocation, plan, formatReleasePlan);
    }
    const accept = invocation.flag('accept-all') ? ['*'] : invocation.options('accept');
    const { migration } = await agent
      .request<Release>('POST', path, { body: { accept } })
      .catch((error: unknown) => {
        throw withAcceptHint(error);
      });
    const ended = migration && (await waitForEnd(invocation, migration));
    printResult(invocation, { migration: ended }, ({ migration: done }) =>
      done === null ? `${pod} is released` : `${formatMigration(done)}\n${pod} is released`,
    );
    if (ended !== null) throwUnlessDone(ended);
  },
};

/** Finds an observed pod by its id, its name or its host end. @throws ProblemError `observed_pod_not_found` */
async function findObservedPod(agent: AgentClient, text: string): Promise<ObservedPodSummary> {
  const found: ObservedPodSummary[] = [];
  const all: string[] = [];
  for (let before: string | null = ''; before !== null; ) {
    const query = before === '' ? '' : `&before=${before}`;
    const page: { items: ObservedPodSummary[]; next: string | null } = await agent.request(
      'GET',
      `/observed-pods?limit=200${query}`,
    );
    for (const pod of page.items) {
      const names = [pod.id, pod.name, `${pod.namespace}.${pod.name}`, pod.hostEnd?.name];
      if (names.includes(text)) found.push(pod);
      all.push(pod.name);
    }
    before = page.next;
  }
  const [first] = found;
  if (first === undefined)
    throw new ProblemError('observed_pod_not_found', `no observed pod is called ${text}`, {
      hint:
        all.length === 0 ? 'No pods of others are observed.' : `There are: ${all.slice(0, 20).join(', ')}`,
    });
  if (found.length > 1)
    throw new ProblemError('bad_request', `${found.length} observed pods are called ${text}`, {
      hint: `Use an id: ${found.map(({ id }) => id).join(', ')}`,
    });
  return first;
}

function formatAdoptionPlan({ allowed, checks, items, steps, ...plan }: AdoptionPlan): string {
  return [
    formatFieldLines({
      pod: `${plan.namespace}/${plan.name}`,
      device:
        plan.device && `${plan.device.kind} ${plan.device.primary.name}, ${plan.form ?? 'not connected'}`,
      addresses: plan.addresses.join(', '),
      allowed: allowed ? 'yes' : 'no',
    }),
    formatTextTable(
      ['CHECK', ''],
      checks.map(({ state, name, detail }) => [state, `${name}: ${detail}`]),
    ),
    ...(items.length === 0 ? [] : [formatItems(items, allowed)]),
    formatTextTable(
      ['STEP', 'DESCRIPTION'],
      steps.map(({ step, description }) => [step, description]),
    ),
  ].join('\n\n');
}

const formatAdopted = ({ namespace, name, kind, primary, adoption }: Pod): string =>
  formatFieldLines({
    adopted: `${namespace}/${name}`,
    device: `${kind} ${primary.name}, ${adoption?.form ?? ''}, as it is`,
  });

const formatReleasePlan = ({ adoption: { device, bridge }, migration }: ReleasePlan): string =>
  [
    formatFieldLines({
      'returns to': `veth ${device.primary.name} (ifindex ${device.primary.ifindex})${bridge === null ? '' : `, port of ${bridge}`}`,
    }),
    migration === null
      ? 'It has that device: Podlane’s programs are detached and its record ends.'
      : formatPlan(migration),
  ].join('\n\n');

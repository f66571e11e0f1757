import { setTimeout as sleep } from 'node:timers/promises';
import { type Batch, type BatchPlan, type BatchPod, newBatchSchema } from '../../contract/batch.ts';
import { ProblemError } from '../../contract/problem.ts';
import type { AgentClient } from '../agent-client.ts';
import { type CliCommand, type CommandInvocation, printResult } from '../command.ts';
import { parseSelector } from '../parse-selector.ts';
import { formatFieldLines, formatTextTable } from '../text-table.ts';
import { parseDeviceKind } from './migrate.ts';

const pollMs = 300;

export const batchCommand: CliCommand = {
  name: 'batch',
  parameters: ['KIND'],
  summary: 'migrates many pods to devices of KIND, netkit or veth',
  details: `Takes exactly one of --pods, --selector and --all. Waits until the batch has ended or is paused; Ctrl-C ends the wait,
not the batch.`,
  options: {
    pods: { value: 'PODS', summary: 'pods by id or namespace.name, separated by commas' },
    selector: { value: 'LABELS', summary: 'pods that have all of these labels: name=value,name=value' },
    all: { summary: 'every pod of the node' },
    parallelism: { value: 'N', summary: 'concurrent migrations [4]' },
    'on-unhealthy': { value: 'pause|stop', summary: 'what happens at the first unhealthy pod [pause]' },
    'on-loss': {
      value: 'refuse|accept',
      summary: 'what happens to pods of which something would be changed or lost [refuse]',
    },
    recreate: { summary: 'also recreate the devices of pods that are on KIND already' },
    'settle-ms': { value: 'N', summary: 'observation of a pod before and after its migration, in ms [1000]' },
    'dry-run': { summary: 'show what would happen to each pod, and change nothing' },
  },
  async run(invocation) {
    const { agent } = invocation;
    const body = readRequest(invocation);
    if (body.dryRun) {
      printResult(invocation, await agent.request<BatchPlan>('POST', '/batches', { body }), formatPlan);
      return;
    }
    const started = await agent.request<Batch>('POST', '/batches', { body });
    const batch = await waitWhileRunning(invocation, started);
    printResult(invocation, batch, formatBatch);
    if (batch.state !== 'done')
      throw new ProblemError('migration_failed', `batch ${batch.number} is ${batch.state}: ${batch.reason}`, {
        hint: 'resume or stop it in the dashboard, or with POST /api/v1/batches/:id/resume and /stop',
      });
  },
};

/** Converts the command's options to a request. @throws ProblemError `bad_request` if an option is invalid */
function readRequest(invocation: CommandInvocation) {
  const { data, error } = newBatchSchema.safeParse({
    pods: invocation.option('pods')?.split(','),
    selector: parseSelector(invocation.option('selector')),
    all: invocation.flag('all') || undefined,
    to: parseDeviceKind(invocation.args[0] ?? ''),
    recreate: invocation.flag('recreate'),
    parallelism: invocation.number('parallelism'),
    onUnhealthy: invocation.option('on-unhealthy'),
    onLoss: invocation.option('on-loss'),
    settleMs: invocation.number('settle-ms'),
    dryRun: invocation.flag('dry-run'),
  });
  if (data) return data;
  throw new ProblemError(
    'bad_request',
    error.issues.map(({ path, message }) => [...path, message].join(': ')).join('; '),
    { hint: 'see podlane batch --help' },
  );
}

async function waitWhileRunning(
  { agent, signal }: { agent: AgentClient; signal: AbortSignal },
  started: Batch,
): Promise<Batch> {
  let batch = started;
  while (batch.state === 'running') {
    await sleep(pollMs, undefined, { signal });
    batch = await agent.request<Batch>('GET', `/batches/${batch.id}`, { signal });
  }
  return batch;
}

const formatCounts = (counts: Batch['counts']): string =>
  Object.entries(counts)
    .filter(([, count]) => count > 0)
    .map(([state, count]) => `${count} ${state}`)
    .join(', ');

const formatPods = (pods: readonly (BatchPod & { notes?: readonly string[] })[]): string =>
  formatTextTable(
    ['POD', 'FROM', 'STATE', 'CODE', 'REASON'],
    pods.map(({ namespace, name, from, state, code, reason, notes = [] }) => [
      `${namespace}.${name}`,
      from,
      state,
      code ?? '',
      reason ?? notes.join('; '),
    ]),
  );

const formatPlan = ({ to, onLoss, allowed, counts, slots, pods }: BatchPlan): string =>
  [
    formatFieldLines({
      plan: `${pods.length} ${pods.length === 1 ? 'pod' : 'pods'} to ${to}: ${formatCounts(counts)}`,
      allowed: allowed ? 'yes' : 'no',
      losses: onLoss === 'accept' ? 'accepted' : 'refused; --on-loss accept migrates these pods too',
      slots: `${slots.needed} needed, ${slots.free} free`,
    }),
    formatPods(pods),
  ].join('\n\n');

const formatBatch = ({ number, to, state, reason, onLoss, counts, pods }: Batch): string =>
  [
    formatFieldLines({
      batch: `${number}, to ${to}`,
      state: reason === null ? state : `${state}: ${reason}`,
      losses: onLoss === 'accept' ? 'accepted' : 'refused',
      pods: formatCounts(counts),
    }),
    formatPods(pods),
  ].join('\n\n');

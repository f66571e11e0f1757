import { setTimeout as sleep } from 'node:timers/promises';
import { type DeviceKind, deviceKindSchema } from '../../contract/device.ts';
import type { Migration, MigrationItem, MigrationPlan } from '../../contract/migration.ts';
import { listChecksWithoutItems, needsAcceptance } from '../../contract/migration-items.ts';
import { ProblemError } from '../../contract/problem.ts';
import type { AgentClient } from '../agent-client.ts';
import { type CliCommand, printResult } from '../command.ts';
import { formatFieldLines, formatTextTable } from '../text-table.ts';

const pollMs = 100;

export const migrateCommand: CliCommand = {
  name: 'migrate',
  parameters: ['POD', 'KIND'],
  summary: 'migrates a running pod to a device of KIND, netkit or veth',
  details: `Waits until the migration has ended; Ctrl-C ends the wait, not the migration. What the new device will not have
as it is now is named by --dry-run with its id. Items that are changed or lost have to be accepted.`,
  options: {
    'dry-run': { summary: 'show the checks, items and steps, and change nothing' },
    accept: {
      value: 'ID',
      repeatable: true,
      summary: 'accept that this item is changed or lost; may be repeated',
    },
    'accept-all': { summary: 'accept whatever is changed or lost' },
    recreate: { summary: 'replace the device even if it is of this kind already' },
  },
  async run(invocation) {
    const [pod = '', kind = ''] = invocation.args;
    const path = `/pods/${encodeURIComponent(pod)}/migrations`;
    const body = { to: parseDeviceKind(kind), recreate: invocation.flag('recreate') };
    if (invocation.flag('dry-run')) {
      const plan = await invocation.agent.request<MigrationPlan>('POST', path, {
        body: { ...body, dryRun: true },
      });
      printResult(invocation, plan, formatPlan);
      return;
    }
    const accept = invocation.flag('accept-all') ? ['*'] : invocation.options('accept');
    const started = await invocation.agent
      .request<Migration>('POST', path, { body: { ...body, accept } })
      .catch((error: unknown) => {
        throw withAcceptHint(error);
      });
    const ended = await waitForEnd(invocation, started);
    printResult(invocation, ended, formatMigration);
    throwUnlessDone(ended);
  },
};

/** Parses the kind of a device. @throws ProblemError `bad_request` */
export function parseDeviceKind(text: string): DeviceKind {
  const { data } = deviceKindSchema.safeParse(text);
  if (data === undefined)
    throw new ProblemError('bad_request', `${text}: not a kind of device`, {
      hint: `use one of ${deviceKindSchema.options.join(', ')}`,
    });
  return data;
}

/** Says in terms of this command how to accept what the agent named. */
export function withAcceptHint(error: unknown): unknown {
  if (!(error instanceof ProblemError) || error.code !== 'loss_not_accepted') return error;
  const { errors = [] } = error;
  const [first] = errors;
  return new ProblemError(
    error.code,
    `${errors.length === 1 ? 'this item is not carried over as it is' : `these ${errors.length} items are not carried over as they are`}, and nothing was changed`,
    {
      errors,
      hint: `accept each with --accept ID${first === undefined ? '' : `, e.g. --accept ${quote(first.path)}`}, or all with --accept-all; --dry-run shows the plan`,
    },
  );
}

const quote = (id: string): string =>
  /^[\w/.:@%+=,-]+$/.test(id) ? id : `'${id.replaceAll("'", String.raw`'\''`)}'`;

/** Waits until a migration has ended. */
export async function waitForEnd(
  { agent, signal }: { agent: AgentClient; signal: AbortSignal },
  started: Migration,
): Promise<Migration> {
  let migration = started;
  while (migration.state === 'running') {
    await sleep(pollMs, undefined, { signal });
    migration = await agent.request<Migration>('GET', `/migrations/${migration.id}`, { signal });
  }
  return migration;
}

/** @throws ProblemError why a migration that has ended is not done */
export function throwUnlessDone({ state, error, number }: Migration): void {
  if (state === 'done') return;
  const what = `migration ${number} is ${state}`;
  if (error === null) throw new ProblemError('migration_failed', what);
  throw new ProblemError(error.code, `${what}, at ${error.step}: ${error.detail}`, {
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  });
}

export function formatPlan(plan: MigrationPlan): string {
  const { direction, from, to, allowed, items, steps } = plan;
  const checks = listChecksWithoutItems(plan).map(({ state, name, detail }) => [state, `${name}: ${detail}`]);
  return [
    formatFieldLines({
      plan: `${direction} from ${from.kind} ${from.primary.name} (slot ${from.slot}) to ${to.kind} ${to.primary.name} (slot ${to.slot})`,
      allowed: allowed ? 'yes' : 'no',
    }),
    formatTextTable(['CHECK', ''], checks),
    formatItems(items, allowed),
    formatTextTable(
      ['STEP', 'UNDOABLE', 'DESCRIPTION'],
      steps.map(({ step, undoable, description }) => [step, undoable ? 'yes' : 'no', description]),
    ),
  ].join('\n\n');
}

export function formatItems(items: readonly MigrationItem[], allowed: boolean): string {
  if (items.length === 0)
    return allowed
      ? 'NOT CARRIED OVER\nnothing: only the kind of the device and the indexes of its interfaces change'
      : 'NOT CARRIED OVER\nno item found before the migration was refused';
  const toAccept = items.filter(needsAcceptance).length;
  return [
    'NOT CARRIED OVER',
    ...items.flatMap(({ id, end, kind, name, outcome, becomes }) => [
      `${outcome.padEnd(8)} ${quote(id)}`,
      `         ${kind} of the interface ${end === 'pod' ? 'in the pod' : 'on the host'}: ${name}`,
      `         ${becomes}`,
    ]),
    ...(toAccept > 0 ? [`${toAccept} to be accepted: --accept ID for each, or --accept-all`] : []),
  ].join('\n');
}

export function formatMigration({ number, state, from, to, durationMs, result, error }: Migration): string {
  const kernelDrops = (result?.kernelDrops ?? [])
    .map(({ reason, packets }) => `${reason} ${packets}`)
    .join(', ');
  return formatFieldLines({
    migration: `${number}, ${from.kind} to ${to.kind}`,
    state: error === null ? state : `${state} at ${error.step}`,
    duration: durationMs === null ? null : `${durationMs.toFixed(1)} ms`,
    packets: result && `${result.ingressPackets} in, ${result.egressPackets} out on the new device`,
    drops: result && `${result.deviceDrops} on the devices`,
    'kernel drops': kernelDrops,
    requests:
      result === null || result.requestsOk === null
        ? null
        : `${result.requestsOk} succeeded, ${result.requestsFailed} failed`,
  });
}

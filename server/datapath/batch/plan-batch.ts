import type { BatchPlan, BatchPod, NewBatch } from '../../../contract/batch.ts';
import { countBatchPods } from '../../../contract/batch-states.ts';
import type { MigrationCheck, MigrationItem } from '../../../contract/migration.ts';
import { formatMigrationItem, needsAcceptance } from '../../../contract/migration-items.ts';
import { type Problem, ProblemError } from '../../../contract/problem.ts';
import type { DatapathContext } from '../datapath-context.ts';
import type { MigrationController } from '../migration/migration-controller.ts';
import { getCurrentDevice, type LivePod } from '../pod-registry.ts';
import { wrapAsProblemError } from '../wrap-as-problem.ts';

type PlannedPod = BatchPlan['pods'][number];

/**
 * Plans a batch: checks each pod in the order in which they would be migrated. Changes nothing.
 * @throws ProblemError `pod_not_found` with all names that no pod has
 */
export async function planBatch(
  context: DatapathContext,
  migrations: Pick<MigrationController, 'plan'>,
  { to, recreate, parallelism, onUnhealthy, onLoss, settleMs, ...wanted }: NewBatch,
): Promise<BatchPlan> {
  const pods: PlannedPod[] = [];
  for (const pod of selectPods(context, wanted))
    pods.push(await planPod(migrations, pod, { to, recreate, onLoss }));
  const counts = countBatchPods(pods);
  const slots = {
    needed: Math.min(parallelism, counts.waiting),
    free: context.slots.max - context.slots.used,
  };
  const allowed = slots.needed > 0 && slots.needed <= slots.free;
  return { to, recreate, parallelism, onUnhealthy, onLoss, settleMs, allowed, slots, counts, pods };
}

/** Throws if the batch plan is not allowed. @throws ProblemError `nothing_to_move` or `no_slot` */
export function throwIfBatchRefused({ allowed, slots, to, parallelism, pods }: BatchPlan): void {
  if (allowed) return;
  const what = `migrate ${pods.length} ${pods.length === 1 ? 'pod' : 'pods'} to ${to}`;
  if (slots.needed > slots.free)
    throw new ProblemError(
      'no_slot',
      `${what}, ${parallelism} at a time: each needs a second slot meanwhile, and ${slots.free} of this node are free`,
      {
        hint:
          slots.free > 0
            ? `Choose a parallelism of ${slots.free} at most, or start the agent with a larger --max-slots.`
            : 'Start the agent with a larger --max-slots.',
      },
    );
  const errors = pods.map(({ namespace, name, code, reason }) => ({
    path: `${namespace}.${name}`,
    message: `${reason} (${code})`,
  }));
  throw new ProblemError(
    'nothing_to_move',
    pods.length === 0 ? `${what}: none was chosen` : `${what}: every pod is skipped or refused`,
    { errors, hint: 'Request the plan with dryRun to see the reason for each pod.' },
  );
}

function selectPods(
  { registry }: DatapathContext,
  { pods, selector }: Pick<NewBatch, 'pods' | 'selector' | 'all'>,
): LivePod[] {
  if (pods) {
    const missing = pods.filter((name) => registry.get(name) === undefined);
    if (missing.length > 0)
      throw new ProblemError(
        'pod_not_found',
        `${missing.length} of the ${pods.length} named pods ${missing.length === 1 ? 'is' : 'are'} not on this node: ${missing.slice(0, 5).join(', ')}${missing.length > 5 ? ', …' : ''}`,
        {
          errors: missing.map((name) => ({ path: 'pods', message: name })),
          hint: 'GET /api/v1/pods lists them; use ids or namespace.name.',
        },
      );
    return [...new Set(pods.map((name) => registry.require(name)))];
  }
  const labels = Object.entries(selector ?? {});
  return registry.all().filter(({ record }) => labels.every(([key, value]) => record.labels[key] === value));
}

async function planPod(
  migrations: Pick<MigrationController, 'plan'>,
  pod: LivePod,
  { to, recreate, onLoss }: Pick<NewBatch, 'to' | 'recreate' | 'onLoss'>,
): Promise<PlannedPod> {
  const planned: PlannedPod = {
    podId: pod.record.id,
    namespace: pod.record.namespace,
    name: pod.record.name,
    from: getCurrentDevice(pod).kind,
    state: 'waiting',
    moved: false,
    code: null,
    reason: null,
    migrationId: null,
    startedAt: null,
    endedAt: null,
    notes: [],
  };
  try {
    const { checks, items } = await migrations.plan(pod, to, recreate);
    const notes = checks
      .filter(({ state }) => state === 'note')
      .map(({ name, detail }) => `${name}: ${detail}`);
    const state = memberStateFromChecks(checks);
    const losses = items.filter(needsAcceptance);
    if (state.state === 'waiting' && onLoss === 'refuse' && losses.length > 0)
      return { ...planned, state: 'refused', code: 'loss_not_accepted', reason: listLosses(losses), notes };
    return { ...planned, ...state, notes };
  } catch (error) {
    const { code, message } = wrapAsProblemError(error);
    return { ...planned, state: 'refused', code, reason: message };
  }
}

const listLosses = (items: readonly MigrationItem[]): string => items.map(formatMigrationItem).join('; ');

/**
 * Derives a pod's initial state in a batch from the preflight checks; a pod that already has the wanted kind is
 * skipped.
 */
function memberStateFromChecks(
  checks: readonly MigrationCheck[],
): Pick<BatchPod, 'state' | 'code' | 'reason'> {
  const refusals = checks.filter(({ state }) => state === 'refused');
  const there = refusals.find(({ code }) => code === 'already_on_kind');
  const [first] = there ? [there] : refusals;
  if (!first) return { state: 'waiting', code: null, reason: null };
  return {
    state: there ? 'skipped' : 'refused',
    code: first.code as Problem['code'],
    reason: there ? there.detail : refusals.map(({ detail }) => detail).join('; '),
  };
}

import type { z } from 'zod';
import type { Batch, BatchPod } from '../../../contract/batch.ts';
import { type Condition, conditionSchema } from '../../../contract/condition.ts';
import type { Migration } from '../../../contract/migration.ts';
import { type DatapathContext, setPodCondition } from '../datapath-context.ts';
import type { LivePod } from '../pod-registry.ts';

/** Key of the condition, and name of the setting that keeps it over a restart of the agent. */
const condition = 'batch';
const setting = 'batch-unhealthy';
const stored = conditionSchema.omit({ since: true });

/** Builds the condition of a pod that a batch calls unhealthy, with the batch's own words and figures. */
const unhealthyCondition = (
  { number, to }: Batch,
  { reason }: Pick<BatchPod, 'reason'>,
): Omit<Condition, 'since'> => ({
  reason: 'batch_unhealthy',
  message: `unhealthy after batch ${number} to ${to}: ${reason ?? 'no reason was given'}`,
  remedy: `Remove the cause, then resume batch ${number} with its unhealthy pods, or migrate this pod by itself.`,
});

/** Sets the condition of a pod that a batch found unhealthy, and saves it. */
export async function setUnhealthyCondition(
  context: DatapathContext,
  batch: Batch,
  member: BatchPod,
): Promise<void> {
  const pod = context.registry.get(member.podId);
  if (pod) await save(context, pod, unhealthyCondition(batch, member));
}

/** Clears the condition of a pod that was migrated after the batch found it unhealthy. */
export async function clearUnhealthyCondition(
  context: DatapathContext,
  { podId, startedAt }: Pick<Migration, 'podId' | 'startedAt'>,
): Promise<void> {
  const pod = context.registry.get(podId);
  const since = pod?.conditions.get(condition)?.since;
  if (pod && since !== undefined && startedAt > since) await save(context, pod, null);
}

/** Sets the conditions that an earlier agent saved. */
export async function restoreUnhealthyConditions(context: DatapathContext): Promise<void> {
  for (const [podId, value] of await context.store.settings(setting)) {
    const pod = context.registry.get(podId);
    const found = stored.safeParse(value);
    if (pod && found.success) setPodCondition(context, pod, condition, found.data);
  }
}

async function save(
  context: DatapathContext,
  pod: LivePod,
  found: z.infer<typeof stored> | null,
): Promise<void> {
  setPodCondition(context, pod, condition, found);
  try {
    await context.store.saveSetting(pod.record.id, setting, found);
  } catch (error) {
    context.log.error({ err: error, pod: pod.record.id }, 'the condition of an unhealthy pod');
  }
}

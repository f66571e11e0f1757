import { z } from 'zod';
import { batchPodStates } from './batch-states.ts';
import { deviceKindSchema } from './device.ts';
import { maxBatchParallelism } from './limits.ts';
import { problemSchema } from './problem.ts';

/** Request to migrate a batch of pods: the pods, the target device kind, and the reaction to an unhealthy pod. */
export const newBatchSchema = z
  .strictObject({
    pods: z.array(z.string().min(1).max(320)).min(1).max(10_000).optional().describe('Ids or namespace.name'),
    selector: z
      .record(z.string().max(317), z.string().max(63))
      .optional()
      .describe('Selects the pods that have all of these labels'),
    all: z.literal(true).optional().describe('Selects every pod of the node'),
    to: deviceKindSchema,
    recreate: z.boolean().default(false).describe('Also recreates the devices of pods already on the kind'),
    parallelism: z.int().min(1).max(maxBatchParallelism).default(4).describe('Concurrent migrations'),
    onUnhealthy: z
      .enum(['pause', 'stop'])
      .default('pause')
      .describe('What happens at the first unhealthy pod; migrations in progress finish either way'),
    onLoss: z
      .enum(['refuse', 'accept'])
      .default('refuse')
      .describe('What happens to pods whose plan names something that would be changed or lost'),
    settleMs: z
      .int()
      .min(0)
      .max(60_000)
      .default(1000)
      .describe('How long a pod’s traffic is observed before and after its migration, in milliseconds'),
    dryRun: z.boolean().default(false),
  })
  .superRefine(({ pods, selector, all }, context) => {
    if ([pods, selector, all].filter((each) => each !== undefined).length !== 1)
      context.addIssue({ code: 'custom', message: 'give exactly one of pods, selector and all' });
    if (selector && Object.keys(selector).length === 0)
      context.addIssue({ code: 'custom', path: ['selector'], message: 'the selector is empty; use all' });
  });
export type NewBatch = z.infer<typeof newBatchSchema>;
/** A batch request as the client sends it, before defaults are filled in. */
export type NewBatchInput = z.input<typeof newBatchSchema>;

export const resumeBatchSchema = z.strictObject({
  unhealthy: z
    .enum(['skip', 'retry'])
    .default('skip')
    .describe('Leave unhealthy pods as they are, or migrate them again'),
});
export type ResumeBatch = z.infer<typeof resumeBatchSchema>;

export const batchStateSchema = z
  .enum(['running', 'paused', 'interrupted', 'stopped', 'done'])
  .describe(
    'paused: no further migration starts until it is resumed; interrupted: the agent ended, resume or stop it',
  );
export type BatchState = z.infer<typeof batchStateSchema>;

export const batchPodStateSchema = z
  .enum(batchPodStates)
  .describe(
    'watched: migrated, its health is being checked; skipped: already on the kind; refused: cannot be migrated, or gone',
  );

/** Progress of one pod of a batch. */
export const batchPodSchema = z.object({
  podId: z.string(),
  namespace: z.string(),
  name: z.string(),
  from: deviceKindSchema.describe('Kind of its device when the batch was planned'),
  state: batchPodStateSchema,
  moved: z.boolean().describe('True if it is on the device that the batch created for it'),
  code: problemSchema.shape.code.nullable().describe('Code of the refusal or failure'),
  reason: z.string().nullable().describe('Reason for its state, in a sentence'),
  migrationId: z.string().nullable(),
  startedAt: z.iso.datetime().nullable(),
  endedAt: z.iso.datetime().nullable(),
});
export type BatchPod = z.infer<typeof batchPodSchema>;

const counts = z.record(batchPodStateSchema, z.int()).describe('Number of pods by state');

const request = {
  to: deviceKindSchema,
  recreate: z.boolean(),
  parallelism: z.int(),
  onUnhealthy: z.enum(['pause', 'stop']),
  onLoss: z.enum(['refuse', 'accept']),
  settleMs: z.int(),
};

/** Response to the dry run of a batch, which changes nothing. */
export const batchPlanSchema = z.object({
  ...request,
  allowed: z.boolean().describe('True if at least one pod can be migrated and enough slots are free'),
  slots: z.object({ needed: z.int().describe('In addition to those in use'), free: z.int() }),
  counts,
  pods: z.array(
    batchPodSchema.extend({
      notes: z
        .array(z.string())
        .describe('Consequences to know in advance, e.g. connections that would be cut'),
    }),
  ),
});
export type BatchPlan = z.infer<typeof batchPlanSchema>;

/** A batch without its pods, as in lists and in the stream. */
export const batchSummarySchema = z.object({
  id: z.string(),
  number: z.int().describe('Number in the journal, ascending'),
  actor: z.string(),
  ...request,
  state: batchStateSchema,
  reason: z.string().nullable().describe('Why it is paused, interrupted or stopped'),
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime().nullable().describe('Null while its migrations run or may resume'),
  counts,
});
export type BatchSummary = z.infer<typeof batchSummarySchema>;

export const batchSchema = batchSummarySchema.extend({ pods: z.array(batchPodSchema) });
export type Batch = z.infer<typeof batchSchema>;

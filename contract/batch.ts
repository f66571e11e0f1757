import { z } from 'zod';
import { batchPodStates } from './batch-states.ts';
import { deviceKind } from './device.ts';
import { maxParallelism } from './limits.ts';
import { problem } from './problem.ts';

/** Migrations of one batch at the same time, at most. */

/** Which pods to move to which kind, and what to do when one comes out unhealthy. */
export const newBatch = z
  .strictObject({
    pods: z.array(z.string().min(1).max(320)).min(1).max(10_000).optional().describe('ids or namespace.name'),
    selector: z
      .record(z.string().max(317), z.string().max(63))
      .optional()
      .describe('labels that a pod must have, all of them'),
    all: z.literal(true).optional().describe('every pod of the node'),
    to: deviceKind,
    recreate: z.boolean().default(false).describe('moves those on the kind already as well, to a new device'),
    parallelism: z.int().min(1).max(maxParallelism).default(4).describe('migrations at the same time'),
    onUnhealthy: z
      .enum(['pause', 'stop'])
      .default('pause')
      .describe('what the first unhealthy pod does; migrations that run are ended either way'),
    settleMs: z
      .int()
      .min(0)
      .max(60_000)
      .default(1000)
      .describe('how long a pod’s traffic is watched before and after its migration'),
    dryRun: z.boolean().default(false),
  })
  .superRefine(({ pods, selector, all }, context) => {
    if ([pods, selector, all].filter((each) => each !== undefined).length !== 1)
      context.addIssue({ code: 'custom', message: 'one of pods, selector and all says which pods' });
    if (selector && Object.keys(selector).length === 0)
      context.addIssue({ code: 'custom', path: ['selector'], message: 'names no label; use all' });
  });
export type NewBatch = z.infer<typeof newBatch>;
/** `newBatch` before its defaults. */
export type NewBatchInput = z.input<typeof newBatch>;

export const resumeBatch = z.strictObject({
  unhealthy: z
    .enum(['skip', 'retry'])
    .default('skip')
    .describe('leaves unhealthy pods as they are, or migrates them again'),
});
export type ResumeBatch = z.infer<typeof resumeBatch>;

export const batchState = z
  .enum(['running', 'paused', 'interrupted', 'stopped', 'done'])
  .describe(
    'paused: no further migration starts until resumed; interrupted: the agent ended, to be resumed or stopped',
  );
export type BatchState = z.infer<typeof batchState>;

export const batchPodState = z
  .enum(batchPodStates)
  .describe(
    'watched: moved, its traffic is looked at; skipped: it was there already; refused: it cannot be moved, or has ended',
  );

/** One pod of a batch. */
export const batchPod = z.object({
  podId: z.string(),
  namespace: z.string(),
  name: z.string(),
  from: deviceKind.describe('its kind when the batch was planned'),
  state: batchPodState,
  moved: z.boolean().describe('is on the device that the batch made for it'),
  code: problem.shape.code.nullable().describe('why it was refused or failed'),
  reason: z.string().nullable().describe('why it is in this state, in a sentence'),
  migrationId: z.string().nullable(),
  startedAt: z.iso.datetime().nullable(),
  endedAt: z.iso.datetime().nullable(),
});
export type BatchPod = z.infer<typeof batchPod>;

const counts = z.record(batchPodState, z.int()).describe('pods by state');

const request = {
  to: deviceKind,
  recreate: z.boolean(),
  parallelism: z.int(),
  onUnhealthy: z.enum(['pause', 'stop']),
  settleMs: z.int(),
};

/** Answer of a dry run: nothing is changed. */
export const batchPlan = z.object({
  ...request,
  allowed: z.boolean().describe('whether there is a pod to move, and slots to move it'),
  slots: z.object({ needed: z.int().describe('beside those in use'), free: z.int() }),
  counts,
  pods: z.array(
    batchPod.extend({
      notes: z.array(z.string()).describe('what to know before, e.g. what would be cut off'),
    }),
  ),
});
export type BatchPlan = z.infer<typeof batchPlan>;

/** A batch without its pods. */
export const batchSummary = z.object({
  id: z.string(),
  number: z.int().describe('the journal’s number, ascending'),
  actor: z.string(),
  ...request,
  state: batchState,
  reason: z.string().nullable().describe('why it is paused, interrupted or stopped'),
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime().nullable().describe('null while a migration of it runs, or may run again'),
  counts,
});
export type BatchSummary = z.infer<typeof batchSummary>;

export const batch = batchSummary.extend({ pods: z.array(batchPod) });
export type Batch = z.infer<typeof batch>;

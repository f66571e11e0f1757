import { z } from 'zod';
import {
  type PreflightReason,
  type PreflightSubject,
  preflightOutcomes,
  preflightReasons,
  preflightSubjects,
  preflightVerdicts,
} from './preflight-reasons.ts';

const subjectSchema = z.enum(Object.keys(preflightSubjects) as [PreflightSubject, ...PreflightSubject[]]);
const reasonSchema = z.enum(Object.keys(preflightReasons) as [PreflightReason, ...PreflightReason[]]);

const outcomeSchema = z
  .enum(preflightOutcomes)
  .describe(
    '`refused`: no migration; `unknown`: what decides could not be looked at; `loss`: has to be accepted; `not_checked`: not looked at, does not decide; `note`: for information',
  );

const verdictSchema = z
  .enum(preflightVerdicts)
  .describe(
    '`ready`: can be promoted to netkit; `ready_with_losses`: what is lost has to be accepted; `unknown`: something that decides could not be looked at; `on_netkit`: it is on netkit already',
  );

/** Something that a preflight found, or could not look at. Title and general remedy are in the list of reasons. */
export const preflightFindingSchema = z.object({
  subject: subjectSchema,
  reason: reasonSchema,
  outcome: outcomeSchema,
  detail: z.string().describe('What was found, or why it could not be looked at'),
  remedy: z.string().nullable().describe('Remedy for this very finding; null: that of the reason'),
  command: z.string().nullable().describe('Command of the remedy'),
  item: z.string().nullable().describe('Id of the item in the migration’s plan, for `accept`'),
});
export type PreflightFinding = z.infer<typeof preflightFindingSchema>;

/** One subject of a preflight: what was looked at, and what was found there. */
export const preflightCheckSchema = z.object({
  subject: subjectSchema,
  title: z.string(),
  looked: z.string().describe('What was looked at'),
  state: z
    .enum(['passed', ...preflightOutcomes])
    .describe(
      'The worst outcome of the findings; `passed` only if all of it was looked at and nothing found',
    ),
  findings: z.array(preflightFindingSchema),
});
export type PreflightCheck = z.infer<typeof preflightCheckSchema>;

/** A reason with its title and remedy, once however many pods it concerns. */
export const explainedReasonSchema = z.object({
  reason: reasonSchema,
  subject: subjectSchema,
  outcome: outcomeSchema.describe('The worst outcome that it has here'),
  title: z.string(),
  remedy: z.string().nullable(),
  command: z.string().nullable(),
  pods: z.number().int().describe('Number of pods that it concerns'),
  node: z.boolean().describe('True if it is one of the node'),
});
export type ExplainedReason = z.infer<typeof explainedReasonSchema>;

/** A pod as a preflight names it. */
export const preflightPodRefSchema = z.object({
  id: z.string(),
  namespace: z.string(),
  name: z.string(),
  kind: z.string().describe('Kind of its device: `veth`, `netkit`, or of an observed pod another one'),
  origin: z.enum(['podlane', 'observed']).describe('Whether Podlane made the device, or only observes it'),
});
export type PreflightPodRef = z.infer<typeof preflightPodRefSchema>;

/** Answers for one pod whether it can be on netkit, with everything that was looked at. */
export const podPreflightSchema = z.object({
  pod: preflightPodRefSchema,
  verdict: verdictSchema,
  lookedAt: z.iso.datetime(),
  checks: z.array(preflightCheckSchema),
  reasons: z.array(explainedReasonSchema).describe('The worst first'),
});
export type PodPreflight = z.infer<typeof podPreflightSchema>;

export const nodePreflightSchema = z.object({
  name: z.string(),
  kernel: z.string().describe('Release of the kernel; nothing is concluded from it'),
  netkit: z.boolean(),
  lookedAt: z.iso.datetime(),
  checks: z.array(preflightCheckSchema),
  neverLooked: z.array(z.string()).describe('What no preflight looks at, in a sentence each'),
});
export type NodePreflight = z.infer<typeof nodePreflightSchema>;

/** A pod in the answer for many: its verdict and findings without the subjects that passed. */
export const preflightPodSchema = z.object({
  pod: preflightPodRefSchema,
  verdict: verdictSchema,
  lookedAt: z.iso.datetime().nullable().describe('Null if it was not reached in the time of the request'),
  findings: z.array(preflightFindingSchema),
});
export type PreflightPod = z.infer<typeof preflightPodSchema>;

/** Answers for the node and for many pods whether they can be on netkit. */
export const preflightSchema = z.object({
  node: nodePreflightSchema,
  since: z.iso
    .datetime()
    .describe('Time by which results were used again: send it to go on where this request ended'),
  counts: z.record(verdictSchema, z.number().int()).describe('Number of pods by verdict'),
  remaining: z
    .number()
    .int()
    .describe('Pods that were not reached in the time of one request; ask again with the same `since`'),
  reasons: z.array(explainedReasonSchema).describe('The worst first, then those of most pods'),
  pods: z.array(preflightPodSchema),
});
export type Preflight = z.infer<typeof preflightSchema>;

const sinceSchema = z.iso
  .datetime()
  .optional()
  .describe('Results of pods that were looked at at this time or later are used again; default: now');

export const preflightQuerySchema = z.object({
  since: sinceSchema,
  pods: z.enum(['all', 'none']).default('all').describe('`none`: look at the node alone'),
});

export const newPreflightSchema = z
  .strictObject({
    pods: z.array(z.string().min(1).max(320)).min(1).max(10_000).optional().describe('Ids or namespace.name'),
    selector: z
      .record(z.string().max(317), z.string().max(63))
      .optional()
      .describe('Selects the pods that have all of these labels'),
    all: z.literal(true).optional().describe('Selects every pod of the node'),
    since: sinceSchema,
  })
  .superRefine(({ pods, selector, all }, context) => {
    if ([pods, selector, all].filter((each) => each !== undefined).length !== 1)
      context.addIssue({ code: 'custom', message: 'give exactly one of pods, selector and all' });
    if (selector && Object.keys(selector).length === 0)
      context.addIssue({ code: 'custom', path: ['selector'], message: 'the selector is empty; use all' });
  });
export type NewPreflight = z.infer<typeof newPreflightSchema>;

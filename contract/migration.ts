import { z } from 'zod';
import { deviceKindSchema } from './device.ts';
import { problemSchema } from './problem.ts';

export const migrationSteps = [
  'planned',
  'made',
  'attached',
  'addressed',
  'routed-pod',
  'routed-host',
  'drained',
  'removed',
  'renamed',
  'verified',
] as const;
export const migrationStepSchema = z.enum(migrationSteps);
export type MigrationStep = z.infer<typeof migrationStepSchema>;

/** The last migration step that can be undone; after it, a migration can only be completed. */
export const lastUndoableStep: MigrationStep = 'routed-host';

export const isUndoableStep = (step: MigrationStep): boolean =>
  migrationSteps.indexOf(step) <= migrationSteps.indexOf(lastUndoableStep);

/** A request that a migration step makes to the kernel, with an equivalent shell command. */
export const stepRequestSchema = z.object({
  words: z.string().describe('The request by the kernel’s name: `RTM_NEWADDR …`'),
  command: z.string().describe('Shell command that makes the same request'),
});
export type StepRequest = z.infer<typeof stepRequestSchema>;

export const plannedStepSchema = z.object({
  step: migrationStepSchema,
  description: z.string(),
  undoable: z.boolean(),
  requests: z.array(stepRequestSchema),
});
export type PlannedStep = z.infer<typeof plannedStepSchema>;

export const migrationCheckSchema = z.object({
  name: z.string(),
  state: z.enum(['passed', 'note', 'refused']),
  detail: z.string(),
  code: z.string().nullable().describe('Error code that a rejected migration returns'),
});
export type MigrationCheck = z.infer<typeof migrationCheckSchema>;

export const deviceReferenceSchema = z.object({
  kind: deviceKindSchema,
  slot: z.number().int(),
  primary: z.object({ name: z.string(), ifindex: z.number().int() }),
  peer: z.object({ name: z.string(), ifindex: z.number().int() }),
});
export type DeviceReference = z.infer<typeof deviceReferenceSchema>;

export const migrationDirectionSchema = z
  .enum(['fallback', 'promotion', 'recreation'])
  .describe('To veth, to netkit, or to a new device of the same kind');

/** Result of a dry run of a migration, which changes nothing. */
export const migrationPlanSchema = z.object({
  podId: z.string(),
  direction: migrationDirectionSchema,
  from: deviceReferenceSchema,
  to: deviceReferenceSchema,
  allowed: z.boolean(),
  checks: z.array(migrationCheckSchema),
  steps: z.array(plannedStepSchema),
  script: z
    .string()
    .describe(
      'all commands of the plan as a POSIX shell script that ends in the state the migration ends in',
    ),
});
export type MigrationPlan = z.infer<typeof migrationPlanSchema>;

export const executedStepSchema = plannedStepSchema.extend({
  state: z.enum(['pending', 'running', 'done', 'undone', 'failed']),
  startedMs: z.number().nullable().describe('Milliseconds since the migration started'),
  durationMs: z.number().nullable(),
});
export type ExecutedStep = z.infer<typeof executedStepSchema>;

export const migrationStateSchema = z.enum(['running', 'done', 'undone', 'failed']);

/** Numbers of packets and requests counted during a migration. */
export const migrationResultSchema = z.object({
  egressPackets: z.number().describe('Packets from the pod on the new device, until it is verified'),
  ingressPackets: z.number().describe('Packets to the pod on the new device, until it is verified'),
  packetsOnOldDevice: z.number().describe('Packets on the old device after both routes had moved'),
  deviceDrops: z.number().describe('Dropped rx and tx packets of both devices during the migration'),
  requestsOk: z.number().nullable(),
  requestsFailed: z.number().nullable(),
});

export const migrationSchema = z.object({
  id: z.string(),
  number: z.number().int().describe('Number in the journal, ascending'),
  podId: z.string(),
  podNamespace: z.string(),
  podName: z.string(),
  direction: migrationDirectionSchema,
  from: deviceReferenceSchema,
  to: deviceReferenceSchema,
  actor: z.string(),
  state: migrationStateSchema,
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime().nullable(),
  durationMs: z.number().nullable(),
  steps: z.array(executedStepSchema),
  result: migrationResultSchema.nullable(),
  error: problemSchema.extend({ step: migrationStepSchema }).nullable(),
});
export type Migration = z.infer<typeof migrationSchema>;

export const newMigrationSchema = z.strictObject({
  to: deviceKindSchema,
  dryRun: z.boolean().default(false),
  recreate: z
    .boolean()
    .default(false)
    .describe('Replaces the device even if it is already of this kind, e.g. to change its ifindex'),
});

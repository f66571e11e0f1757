import { z } from 'zod';
import { deviceKind } from './device.ts';
import { problem } from './problem.ts';

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
export const migrationStep = z.enum(migrationSteps);
export type MigrationStep = z.infer<typeof migrationStep>;

/** The last step that can be undone; after it a migration only goes forward. */
export const lastUndoable: MigrationStep = 'routed-host';

export const isUndoable = (step: MigrationStep): boolean =>
  migrationSteps.indexOf(step) <= migrationSteps.indexOf(lastUndoable);

/** A request that a step makes to the kernel, and the shell command that makes the same request. */
export const stepRequest = z.object({
  words: z.string().describe('The request by the kernel’s name: `RTM_NEWADDR …`'),
  command: z.string().describe('Shell command that makes the same request'),
});
export type StepRequest = z.infer<typeof stepRequest>;

export const plannedStep = z.object({
  step: migrationStep,
  description: z.string(),
  undoable: z.boolean(),
  requests: z.array(stepRequest),
});
export type PlannedStep = z.infer<typeof plannedStep>;

export const check = z.object({
  name: z.string(),
  state: z.enum(['passed', 'note', 'refused']),
  detail: z.string(),
  code: z.string().nullable().describe('Error code that a rejected migration returns'),
});
export type Check = z.infer<typeof check>;

export const deviceRef = z.object({
  kind: deviceKind,
  slot: z.number().int(),
  primary: z.object({ name: z.string(), ifindex: z.number().int() }),
  peer: z.object({ name: z.string(), ifindex: z.number().int() }),
});
export type DeviceRef = z.infer<typeof deviceRef>;

export const migrationDirection = z
  .enum(['fallback', 'promotion', 'recreation'])
  .describe('To veth, to netkit, or to a new device of the same kind');

/** Result of a dry run, which changes nothing. */
export const migrationPlan = z.object({
  podId: z.string(),
  direction: migrationDirection,
  from: deviceRef,
  to: deviceRef,
  allowed: z.boolean(),
  checks: z.array(check),
  steps: z.array(plannedStep),
  script: z
    .string()
    .describe(
      'all commands of the plan as a POSIX shell script that ends in the state the migration ends in',
    ),
});
export type MigrationPlan = z.infer<typeof migrationPlan>;

export const runStep = plannedStep.extend({
  state: z.enum(['pending', 'running', 'done', 'undone', 'failed']),
  startedMs: z.number().nullable().describe('Milliseconds since the migration started'),
  durationMs: z.number().nullable(),
});
export type RunStep = z.infer<typeof runStep>;

export const migrationState = z.enum(['running', 'done', 'undone', 'failed']);

/** Packets and requests counted while a migration ran. */
export const migrationResult = z.object({
  egressPackets: z.number().describe('Packets from the pod on the new device, until it is verified'),
  ingressPackets: z.number().describe('Packets to the pod on the new device, until it is verified'),
  packetsOnOldDevice: z.number().describe('Packets on the old device after both routes had moved'),
  deviceDrops: z.number().describe('Dropped rx and tx packets of both devices during the migration'),
  requestsOk: z.number().nullable(),
  requestsFailed: z.number().nullable(),
});

export const migration = z.object({
  id: z.string(),
  number: z.number().int().describe('Number in the journal, ascending'),
  podId: z.string(),
  podNamespace: z.string(),
  podName: z.string(),
  direction: migrationDirection,
  from: deviceRef,
  to: deviceRef,
  actor: z.string(),
  state: migrationState,
  startedAt: z.iso.datetime(),
  endedAt: z.iso.datetime().nullable(),
  durationMs: z.number().nullable(),
  steps: z.array(runStep),
  result: migrationResult.nullable(),
  error: problem.extend({ step: migrationStep }).nullable(),
});
export type Migration = z.infer<typeof migration>;

export const newMigration = z.strictObject({
  to: deviceKind,
  dryRun: z.boolean().default(false),
  recreate: z
    .boolean()
    .default(false)
    .describe('Replaces the device even if it is already of this kind, e.g. to change its ifindex'),
});
export type NewMigration = z.infer<typeof newMigration>;

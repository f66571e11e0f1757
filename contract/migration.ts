import { z } from 'zod';
import { deviceKindSchema } from './device.ts';
import { problemSchema } from './problem.ts';

export const migrationSteps = [
  'planned',
  'made',
  'attached',
  'addressed',
  'renamed',
  'routed-pod',
  'routed-host',
  'drained',
  'removed',
  'verified',
] as const;
export const migrationStepSchema = z.enum(migrationSteps);
export type MigrationStep = z.infer<typeof migrationStepSchema>;

/** The last migration step that can be undone; after it the old device is gone. */
export const lastUndoableStep: MigrationStep = 'drained';

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

/** What checks of a plan are about; `item` repeats an item of the plan. */
export const migrationCheckTopics = [
  'kernel',
  'kind',
  'operation',
  'device',
  'slot',
  'names',
  'forwarding',
  'programs',
  'interfaces',
  'network',
  'rename',
  'link layer',
  'item',
] as const;

export const migrationCheckSchema = z.object({
  topic: z.enum(migrationCheckTopics),
  name: z.string(),
  state: z.enum(['passed', 'note', 'refused']),
  detail: z.string(),
  code: z.string().nullable().describe('Error code that a rejected migration returns'),
});
export type MigrationCheck = z.infer<typeof migrationCheckSchema>;

/**
 * A setting, socket, firewall rule or the like of the old device that will be different or missing on the new one. The
 * plan lists these items; those that are changed or lost have to be accepted before the migration starts.
 */
export const migrationItemSchema = z.object({
  id: z.string().describe('Names the item in `accept`'),
  end: z.enum(['pod', 'host']).describe('Interface in the pod, or on the host'),
  kind: z.string().describe('`neighbour`, `qdisc`, `sysctl`, `socket`, `child interface`, …'),
  key: z.string().nullable().describe('Identity of the setting; null if the item stands for all of its kind'),
  name: z.string().describe('The setting, as the tools of iproute2 print it'),
  outcome: z
    .enum(['changed', 'lost', 'unknown', 'refused'])
    .describe(
      '`changed` and `lost` have to be accepted; `unknown`: the kernel does not tell; with `refused` there is no migration',
    ),
  becomes: z.string().describe('What will become of it, and why'),
});
export type MigrationItem = z.infer<typeof migrationItemSchema>;

export const deviceReferenceSchema = z.object({
  kind: deviceKindSchema,
  slot: z.number().int(),
  primary: z.object({ name: z.string(), ifindex: z.number().int() }),
  peer: z.object({ name: z.string(), ifindex: z.number().int() }),
});
export type DeviceReference = z.infer<typeof deviceReferenceSchema>;

export const migrationDirectionSchema = z
  .enum(['fallback', 'promotion', 'recreation', 'release'])
  .describe(
    'To veth, to netkit, to a new device of the same kind, or to one as others made it, to which an adopted pod returns',
  );

/** Result of a dry run of a migration, which changes nothing. */
export const migrationPlanSchema = z.object({
  podId: z.string(),
  direction: migrationDirectionSchema,
  from: deviceReferenceSchema,
  to: deviceReferenceSchema,
  allowed: z.boolean(),
  checks: z.array(migrationCheckSchema),
  items: z
    .array(migrationItemSchema)
    .describe('What will not be as before, besides the kind of the device and its ifindexes'),
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
  deviceDrops: z
    .number()
    .describe('Packets that both ends of both devices and their queues dropped during the migration'),
  kernelDrops: z
    .array(z.object({ reason: z.string(), packets: z.number() }))
    .nullable()
    .describe(
      'Packets of the pod that the kernel dropped during the migration, by reason as in `/drops`, without those that programs dropped; NOT_SPECIFIED is mostly the kernel’s own group reports of a device that comes or goes; null where they are not counted',
    ),
  requestsOk: z.number().nullable(),
  requestsFailed: z.number().nullable(),
});
export type MigrationResult = z.infer<typeof migrationResultSchema>;

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

/** Ids of items of a plan whose loss is accepted. */
export const acceptSchema = z
  .array(z.string().min(1).max(200))
  .max(1000)
  .default([])
  .describe('Ids of the plan’s `items` whose change or loss is accepted; `*` accepts all');

export const newMigrationSchema = z.strictObject({
  accept: acceptSchema,
  to: deviceKindSchema,
  dryRun: z.boolean().default(false),
  recreate: z
    .boolean()
    .default(false)
    .describe('Replaces the device even if it is already of this kind, e.g. to change its ifindex'),
});

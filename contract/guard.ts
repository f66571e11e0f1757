import { z } from 'zod';
import { guardThresholdRanges } from './guard-thresholds.ts';

const numberInRange = (name: keyof typeof guardThresholdRanges) => {
  const { min, max, integer } = guardThresholdRanges[name];
  const number = integer ? z.number().int() : z.number();
  return number.min(min).max(max);
};

/** Thresholds of the guard. A pod's choice overrides the node's, which overrides the default. */
export const guardThresholdsSchema = z.strictObject({
  on: z.boolean().describe('False: the guard measures nothing and takes no action'),
  dropShare: numberInRange('dropShare').describe(
    'Share of the pod’s packets that Podlane’s programs dropped; both drop thresholds must be reached',
  ),
  dropsPerSecond: numberInRange('dropsPerSecond'),
  dropSeconds: numberInRange('dropSeconds').describe('Window of the drop rate'),
  oneSidedPerSecond: numberInRange('oneSidedPerSecond').describe(
    'Packets in one direction while none go in the other; a direction that never had traffic does not count',
  ),
  oneSidedSeconds: numberInRange('oneSidedSeconds').describe('How long one-way traffic must last'),
  icmp: z.boolean().describe('Probe by ICMP echo; an address that never answered does not count as failing'),
  tcpPort: numberInRange('tcpPort')
    .nullable()
    .describe('Also probe by TCP connections; a refused connection counts as an answer'),
  probeSeconds: numberInRange('probeSeconds').describe('Interval of probes that are answered'),
  probeTimeoutMs: numberInRange('probeTimeoutMs'),
  probeFailures: numberInRange('probeFailures').describe(
    'Unanswered probes in a row that count as a failure',
  ),
  repairs: numberInRange('repairs').describe('Repairs before the guard falls back to veth'),
  repairSeconds: numberInRange('repairSeconds').describe('How long a repair counts'),
  coolDownSeconds: numberInRange('coolDownSeconds').describe('Shortest time between two actions on a pod'),
});
export type GuardThresholds = z.infer<typeof guardThresholdsSchema>;

/** Thresholds that a user chose; missing ones fall back to the node's thresholds or the defaults. */
export type GuardThresholdOverrides = Partial<GuardThresholds>;
/** Schema of chosen thresholds. The cast is needed because `partial()` allows `undefined`, which JSON does not have. */
export const guardThresholdOverridesSchema =
  guardThresholdsSchema.partial() as unknown as z.ZodType<GuardThresholdOverrides>;

/**
 * `program`: Podlane's program is missing from a hook. `cut-off`: an end has no program and policy blackhole, so no packet
 * passes. `drops`, `one-sided`: from Podlane's counters. `probe`: ICMP echoes or TCP connections from the host.
 */
export const guardSignalSchema = z.enum(['program', 'cut-off', 'drops', 'one-sided', 'probe']);
export type GuardSignal = z.infer<typeof guardSignalSchema>;

export const guardSignalReadingSchema = z.object({
  signal: guardSignalSchema,
  state: z.enum(['healthy', 'failing', 'unknown', 'off']),
  evidence: z.string().describe('The measurement, with the threshold'),
  since: z.iso.datetime().nullable().describe('Start of the failure'),
});
export type GuardSignalReading = z.infer<typeof guardSignalReadingSchema>;

/**
 * `falling-back`: a migration to veth is running. `fallen-back`: the guard moved the pod to veth. `left-alone`: no action
 * helped, and the guard waits for a person to resume it.
 */
export const guardStageSchema = z.enum(['watching', 'falling-back', 'fallen-back', 'left-alone']);
export type GuardStage = z.infer<typeof guardStageSchema>;

export const guardActionSchema = z.object({
  time: z.iso.datetime(),
  action: z.enum(['repair', 'fallback', 'leave-alone', 'resume']),
  because: z.array(z.string()).describe('The evidence, one entry per failing signal'),
  failure: z.string().nullable().describe('Reason of a failed action'),
  migrationId: z.string().nullable(),
});
export type GuardAction = z.infer<typeof guardActionSchema>;

export const podGuardSchema = z.object({
  podId: z.string(),
  chosen: guardThresholdOverridesSchema
    .nullable()
    .describe('Thresholds chosen for this pod; null: as for the node'),
  thresholds: guardThresholdsSchema.describe('In effect'),
  stage: guardStageSchema,
  watched: z.boolean(),
  status: z.string().describe('Current status of the guard for the pod, in a sentence'),
  readings: z.array(guardSignalReadingSchema),
  actions: z.array(guardActionSchema).describe('Newest first'),
});
export type PodGuard = z.infer<typeof podGuardSchema>;

export const nodeGuardSchema = z.object({
  chosen: guardThresholdOverridesSchema.nullable().describe('Null: none were chosen'),
  thresholds: guardThresholdsSchema.describe('In effect for pods without a choice of their own'),
  defaults: guardThresholdsSchema,
  pods: z.object({
    watched: z.number().int(),
    fallenBack: z.number().int(),
    leftAlone: z.number().int(),
    chosen: z.number().int().describe('Pods with thresholds of their own'),
  }),
});
export type NodeGuard = z.infer<typeof nodeGuardSchema>;

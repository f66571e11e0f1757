import { z } from 'zod';
import { guardThresholdRanges } from './guard-thresholds.ts';

const numberInRange = (name: keyof typeof guardThresholdRanges) => {
  const { min, max, integer } = guardThresholdRanges[name];
  const number = integer ? z.number().int() : z.number();
  return number.min(min).max(max);
};

/** What the guard of a pod goes by. Each has a default, which the node's choice and then the pod's replace. */
export const guardThresholds = z.strictObject({
  on: z.boolean().describe('false: the guard measures nothing and does nothing'),
  dropShare: numberInRange('dropShare').describe(
    'of the pod’s packets, dropped by our programs; both drop thresholds have to be reached',
  ),
  dropsPerSecond: numberInRange('dropsPerSecond'),
  dropSeconds: numberInRange('dropSeconds').describe('how far back the drop rate looks'),
  oneSidedPerSecond: numberInRange('oneSidedPerSecond').describe(
    'packets one way while none go the other; a way that was never used is not missed',
  ),
  oneSidedSeconds: numberInRange('oneSidedSeconds').describe('how long it has to last'),
  icmp: z
    .boolean()
    .describe('probe by ICMP echo; an address that never answered is not taken for one that fails'),
  tcpPort: numberInRange('tcpPort')
    .nullable()
    .describe('probe by TCP connections as well; a refusal is an answer'),
  probeSeconds: numberInRange('probeSeconds').describe('between probes that are answered'),
  probeTimeoutMs: numberInRange('probeTimeoutMs'),
  probeFailures: numberInRange('probeFailures').describe('unanswered probes in a row'),
  repairs: numberInRange('repairs').describe('before the guard falls back to veth'),
  repairSeconds: numberInRange('repairSeconds').describe('how long a repair counts'),
  coolDownSeconds: numberInRange('coolDownSeconds').describe('between two acts on a pod'),
});
export type GuardThresholds = z.infer<typeof guardThresholds>;

/** The thresholds that a user chose; those left out are the node's, or the defaults. */
export type GuardChoice = Partial<GuardThresholds>;
/** JSON has no `undefined`: a key that is present has a value, which `partial()` does not say. */
export const guardChoice = guardThresholds.partial() as unknown as z.ZodType<GuardChoice>;

/**
 * `program`: ours is not on a hook. `cut-off`: nothing can pass, for there is no program and the policy is
 * blackhole. `drops`, `one-sided`: by our counters. `probe`: echoes or connections from the host.
 */
export const guardSignal = z.enum(['program', 'cut-off', 'drops', 'one-sided', 'probe']);
export type GuardSignal = z.infer<typeof guardSignal>;

export const guardReading = z.object({
  signal: guardSignal,
  state: z.enum(['healthy', 'failing', 'unknown', 'off']),
  evidence: z.string().describe('what was seen, with the threshold'),
  since: z.iso.datetime().nullable().describe('of a failing one'),
});
export type GuardReading = z.infer<typeof guardReading>;

/**
 * `falling-back`: a migration to veth was asked for. `fallen-back`: the pod is on veth because of the guard.
 * `left-alone`: nothing helped, and the guard waits for a person.
 */
export const guardStage = z.enum(['watching', 'falling-back', 'fallen-back', 'left-alone']);
export type GuardStage = z.infer<typeof guardStage>;

export const guardAction = z.object({
  time: z.iso.datetime(),
  action: z.enum(['repair', 'fallback', 'leave-alone', 'resume']),
  because: z.array(z.string()).describe('the evidence, a sentence for each signal'),
  failure: z.string().nullable().describe('why it did not succeed'),
  migrationId: z.string().nullable(),
});
export type GuardAction = z.infer<typeof guardAction>;

export const podGuard = z.object({
  podId: z.string(),
  chosen: guardChoice.nullable().describe('for this pod; null: as for the node'),
  thresholds: guardThresholds.describe('in effect'),
  stage: guardStage,
  watched: z.boolean(),
  status: z.string().describe('what the guard does about the pod now, and why, in a sentence'),
  readings: z.array(guardReading),
  actions: z.array(guardAction).describe('newest first'),
});
export type PodGuard = z.infer<typeof podGuard>;

export const nodeGuard = z.object({
  chosen: guardChoice.nullable().describe('null: nobody chose'),
  thresholds: guardThresholds.describe('in effect where nothing was chosen for a pod'),
  defaults: guardThresholds,
  pods: z.object({
    watched: z.number().int(),
    fallenBack: z.number().int(),
    leftAlone: z.number().int(),
    chosen: z.number().int().describe('with a choice of their own'),
  }),
});
export type NodeGuard = z.infer<typeof nodeGuard>;

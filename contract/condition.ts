import { z } from 'zod';

/** Kinds of conditions; each is about one fault, whoever caused it. */
export const conditionReasonSchema = z.enum([
  'address_added',
  'address_missing',
  'batch_unhealthy',
  'bpffs_missing',
  'device_missing',
  'forwarding_off',
  'guard_acted',
  'interface_renamed',
  'kubernetes_unreachable',
  'link_down',
  'mac_changed',
  'mtu_changed',
  'namespace_path_gone',
  'namespace_unreachable',
  'nat_not_respected',
  'nat_unknown',
  'neighbor_changed',
  'policy_changed',
  'policy_refused',
  'programs_missing',
  'reconcile_failed',
  'route_missing',
  'rp_filter_strict',
  'slot_taken',
]);
export type ConditionReason = z.infer<typeof conditionReasonSchema>;

/** A fault of a pod or of its node that Podlane does not repair, or has not repaired yet. */
export const conditionSchema = z.object({
  reason: conditionReasonSchema.describe('Stable code of the fault'),
  message: z.string().describe('What was found, in a sentence'),
  remedy: z.string().nullable().describe('What to do about it; null if the message says it'),
  since: z.iso.datetime().describe('When this was found first'),
});
export type Condition = z.infer<typeof conditionSchema>;

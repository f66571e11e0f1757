import { z } from 'zod';
import { deviceKindSchema } from './device.ts';

/** A choice of the kind of device for the pods that it selects. Empty selectors select all. */
export const devicePolicyRuleSchema = z.strictObject({
  namespace: z.string().max(63).optional().describe('Namespace of the pod'),
  labels: z
    .record(z.string().max(317), z.string().max(63))
    .optional()
    .describe('Labels that the pod must have, all of them'),
  runtimeClass: z.string().max(253).optional().describe('Runtime class of the pod'),
  kind: deviceKindSchema,
});
export type DevicePolicyRule = z.infer<typeof devicePolicyRuleSchema>;

/**
 * Kind of the device that a container gets. A pod's annotation `podlane.io/device` comes first, then the first rule that
 * selects the pod, then `device` of the network's configuration, then the node's default.
 */
export const devicePolicySchema = z.strictObject({
  default: deviceKindSchema
    .nullable()
    .default(null)
    .describe('Null: netkit where the kernel has it, else veth'),
  rules: z.array(devicePolicyRuleSchema).max(64).default([]).describe('The first that selects a pod decides'),
});
export type DevicePolicy = z.infer<typeof devicePolicySchema>;

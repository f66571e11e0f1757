import { z } from 'zod';
import { portMappingSchema } from './cni-config.ts';
import { devicePolicySchema } from './device-policy.ts';

/** Container that a runtime attached through CNI, as it identified it. */
export const podContainerSchema = z.object({
  id: z.string().describe('Container or sandbox id (CNI_CONTAINERID)'),
  network: z.string().describe('Name of the CNI network'),
  interface: z.string(),
  mode: z.enum(['attach', 'convert']).describe('convert: the device replaced that of an earlier plugin'),
  uid: z.string().nullable().describe('Uid of the Kubernetes pod'),
  runtimeClass: z.string().nullable(),
  aliases: z.array(z.string()).describe('Names that the runtime asks DNS plugins to resolve'),
  ipam: z.string().nullable().describe('IPAM plugin; null: the address is of Podlane’s own pool'),
  portMappings: z.array(portMappingSchema).describe('Ports of the node that Podlane maps to the container'),
  kindReason: z.string().describe('Why the pod has got its kind of device'),
});
export type PodContainer = z.infer<typeof podContainerSchema>;

/** A container whose interface another plugin made, recorded by the plugin in mode `observe`. */
export const observedContainerSchema = z.object({
  id: z.string(),
  network: z.string(),
  interface: z.string(),
  netns: z.string(),
  hostInterface: z.string().nullable(),
  addresses: z.array(z.string()),
  namespace: z.string().nullable(),
  name: z.string().nullable(),
  uid: z.string().nullable(),
  annotations: z.record(z.string(), z.string()),
});
export type ObservedContainer = z.infer<typeof observedContainerSchema>;

/** State of the CNI listener of the node. */
export const cniStatusSchema = z.object({
  socket: z.string(),
  containers: z.number().int().describe('Pods that were attached through CNI'),
  observed: z.array(observedContainerSchema),
  misplaced: z
    .number()
    .int()
    .describe('Containers whose programs are in clsact filters until the runtimes are quiet for a second'),
  pools: z.array(
    z.object({
      prefix: z.string(),
      used: z.number().int(),
      size: z.number().describe('Number of addresses that can be given out'),
    }),
  ),
  pending: z.number().int().describe('Deletions that were left while no agent answered'),
  policy: devicePolicySchema,
});
export type CniStatus = z.infer<typeof cniStatusSchema>;

import { z } from 'zod';
import { portNameSchema } from './rule-set.ts';

/** A port of a pod that has a name, as a container of it declares one. Rules may name it. */
export const podPortSchema = z.strictObject({
  name: portNameSchema,
  protocol: z.enum(['tcp', 'udp', 'sctp']).default('tcp'),
  port: z.int().min(1).max(65_535),
});
export type PodPort = z.infer<typeof podPortSchema>;

/** Most named ports of a pod that are known. */
export const maxPodPorts = 128;

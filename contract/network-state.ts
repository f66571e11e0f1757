import { z } from 'zod';

/** A setting of an interface, or of its namespace about it. */
export const networkSettingSchema = z.object({
  kind: z.string().describe('`link setting`, `address`, `route`, `neighbour`, `qdisc`, `sysctl`, …'),
  key: z.string().describe('Identity among the settings of its kind'),
  text: z.string().describe('The setting, as the tools of iproute2 print it'),
});
export type NetworkSetting = z.infer<typeof networkSettingSchema>;

/** Network state of both ends of a pod's device: all that a migration carries over, compares and names. */
export const podNetworkStateSchema = z.object({
  pod: z.object({ interface: z.string(), settings: z.array(networkSettingSchema) }),
  host: z.object({ interface: z.string(), settings: z.array(networkSettingSchema) }),
});
export type PodNetworkState = z.infer<typeof podNetworkStateSchema>;

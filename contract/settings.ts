import { z } from 'zod';

/** Settings of the whole node, which persist across restarts of the agent. */
export const nodeSettingsSchema = z.strictObject({
  redirect: z
    .boolean()
    .describe(
      'Same-node redirect: packets between pods of this node go from device to device and bypass the host’s network stack, except those of flows that the host translates (NAT)',
    ),
});
export type NodeSettings = z.infer<typeof nodeSettingsSchema>;

/** Settings of one pod, which persist across restarts of the agent and over migrations. */
export const podSettingsSchema = z.strictObject({
  redirect: z
    .boolean()
    .nullable()
    .describe('Same-node redirect of packets that this pod sends; null: as the node’s setting'),
});
export type PodSettings = z.infer<typeof podSettingsSchema>;

/**
 * Hooks to move Podlane's programs of a netkit device to: the device's netkit hooks, or tcx hooks of its primary, which
 * work where netkit's own attachment fails.
 */
export const hookPlacementSchema = z.strictObject({ to: z.enum(['device', 'primary']) });
export type HookPlacement = z.infer<typeof hookPlacementSchema>;

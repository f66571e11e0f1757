import { z } from 'zod';

/** Settings of the whole node, which persist across restarts of the agent. */
export const nodeSettingsSchema = z.strictObject({
  redirect: z
    .boolean()
    .describe(
      'Same-node redirect: packets between pods of this node go from device to device and bypass the host’s network stack',
    ),
});
export type NodeSettings = z.infer<typeof nodeSettingsSchema>;

/**
 * Hooks to move Podlane's programs of a netkit device to: the device's netkit hooks, or tcx hooks of its primary, which
 * work where netkit's own attachment fails.
 */
export const hookPlacementSchema = z.strictObject({ to: z.enum(['device', 'primary']) });
export type HookPlacement = z.infer<typeof hookPlacementSchema>;

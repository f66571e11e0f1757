import { setRedirectEndpoints } from '../device/podlane-programs.ts';
import type { DeviceEndName } from '../network-state/end-state.ts';
import { moveRoutes, restoreRecordedRoutes } from '../network-state/move-routes.ts';
import { deviceEndNames, getDeviceEnd } from './device-ends.ts';
import { moveKeepingConnections } from './keep-connections.ts';
import { moveForwarding, restoreForwarding } from './move-forwarding.ts';
import type { MigrationStepContext } from './step-definition.ts';

/** Moves the traffic of one end to the new device, and remembers its routes for the comparison. */
export async function moveRoutesOfEnd(context: MigrationStepContext, end: DeviceEndName): Promise<void> {
  await moveKeepingConnections(context, end, () => moveLateRoutes(context, end));
}

/** Moves routes that others added to the old device after its routes had moved, and what else forwards to it. */
export async function moveLateRoutes(context: MigrationStepContext, end: DeviceEndName): Promise<void> {
  const old = getDeviceEnd(context, 'old', end);
  const fresh = getDeviceEnd(context, 'new', end);
  context.moved[end].push(...(await moveRoutes(old.socket, old.ifindex, fresh.ifindex)));
  await moveForwarding(context, end);
}

/**
 * Moves the routes of host and pod back to the old device, which also moves the traffic back. Routes that were
 * recorded and are gone, because the agent was killed or the new device was deleted, are added again.
 */
export async function moveTrafficBack(context: MigrationStepContext): Promise<void> {
  const { kernel, pod, from, recorded } = context;
  setRedirectEndpoints(kernel, pod, from);
  for (const name of deviceEndNames.toReversed()) {
    const old = getDeviceEnd(context, 'old', name);
    await moveKeepingConnections(context, name, async () => {
      await moveRoutes(old.socket, getDeviceEnd(context, 'new', name).ifindex, old.ifindex);
    });
    await restoreRecordedRoutes(old.socket, recorded.state[name], old.ifindex);
    await restoreForwarding(context, name);
    context.moved[name] = [];
  }
  context.switched(from);
}

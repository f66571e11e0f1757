import type { StepRequest } from '../../../contract/migration.ts';
import { listRoutes } from '../../netlink/route.ts';
import type { KernelRoute } from '../../netlink/route-message.ts';
import type { NetlinkSocket } from '../../netlink/socket.ts';
import {
  addPodRoutes,
  formatRouteWithoutDevice,
  moveDeviceRoutes,
  restoreRoutes,
} from '../device/network-state.ts';
import { setRedirectEndpoints } from '../device/podlane-programs.ts';
import { replaceRouteCommand } from './shell-commands.ts';
import type { MigrationStepContext } from './step-definition.ts';

/** Lists one `ip route replace` request per route to move to `device`. */
export const replaceRouteRequests = (moved: readonly KernelRoute[], device: string): StepRequest[] =>
  moved.map((route) => ({
    words: `RTM_NEWROUTE replace ${formatRouteWithoutDevice(route)}, device ${device}`,
    command: replaceRouteCommand(route, device),
  }));

/** Moves the routes of host and pod back to the old device, which also moves the traffic back. */
export async function moveRoutesBack(context: MigrationStepContext): Promise<void> {
  const { kernel, namespace, pod, from, oldPrimary, newPrimary, oldPeer, newPeer, networkState } = context;
  setRedirectEndpoints(kernel, pod, from);
  await moveDeviceRoutes(kernel.host, newPrimary, oldPrimary);
  if (networkState) await restoreRoutes(kernel.host, networkState.hostRoutes, oldPrimary);
  await moveDeviceRoutes(namespace.socket, newPeer, oldPeer);
  if (networkState) await restoreRoutes(namespace.socket, networkState.podRoutes, oldPeer);
  else await addPodRoutes(kernel, namespace, from.slot, pod.network);
  context.switched(from);
}

/** Lists the wanted routes that are missing on the device, in the format of `ip route`. */
export async function findMissingRoutes(
  socket: NetlinkSocket,
  ifindex: number,
  wanted: readonly KernelRoute[],
): Promise<string[]> {
  const present = new Set((await listRoutes(socket, { ifindex })).map(formatRouteWithoutDevice));
  return wanted.map(formatRouteWithoutDevice).filter((route) => !present.has(route));
}

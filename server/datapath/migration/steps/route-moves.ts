import type { StepRequest } from '../../../../contract/migration.ts';
import { listRoutes } from '../../../netlink/route.ts';
import type { Route } from '../../../netlink/route-message.ts';
import type { NetlinkSocket } from '../../../netlink/socket.ts';
import { addPodRoutes, moveRoutes, restoreRoutes, routeWithoutDevice } from '../../device/network-state.ts';
import { setEndpoints } from '../../device/our-programs.ts';
import { replaceRouteCommand } from '../shell-commands.ts';
import type { StepContext } from '../step.ts';

/** Requests that move routes to `device`, one each. */
export const routeRequests = (moved: readonly Route[], device: string): StepRequest[] =>
  moved.map((route) => ({
    words: `RTM_NEWROUTE replace ${routeWithoutDevice(route)}, device ${device}`,
    command: replaceRouteCommand(route, device),
  }));

/** Moves the routes of host and pod back to the old device, and traffic with them. */
export async function moveRoutesBack(context: StepContext): Promise<void> {
  const { kernel, namespace, pod, from, oldPrimary, newPrimary, oldPeer, newPeer, networkState } = context;
  setEndpoints(kernel, pod, from);
  await moveRoutes(kernel.host, newPrimary, oldPrimary);
  if (networkState) await restoreRoutes(kernel.host, networkState.hostRoutes, oldPrimary);
  await moveRoutes(namespace.socket, newPeer, oldPeer);
  if (networkState) await restoreRoutes(namespace.socket, networkState.podRoutes, oldPeer);
  else await addPodRoutes(kernel, namespace, from.slot, pod.network);
  context.switched(from);
}

/** Returns the routes among `wanted` that the device does not have, as `ip route` prints them. */
export async function missingRoutes(
  socket: NetlinkSocket,
  ifindex: number,
  wanted: readonly Route[],
): Promise<string[]> {
  const present = new Set((await listRoutes(socket, { ifindex })).map(routeWithoutDevice));
  return wanted.map(routeWithoutDevice).filter((route) => !present.has(route));
}

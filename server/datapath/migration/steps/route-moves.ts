import type { StepRequest } from '../../../../contract/migration.ts';
import type { Route } from '../../../netlink/route.ts';
import { routes } from '../../../netlink/route.ts';
import type { RtnetlinkSocket } from '../../../netlink/socket.ts';
import { deviceless, moveRoutes, putRoutes, routePod } from '../../device/network-state.ts';
import { pointAt } from '../../device/our-programs.ts';
import { replaceRouteCommand } from '../shell-commands.ts';
import type { StepContext } from '../step.ts';

/** Requests that move routes to `device`, one each. */
export const routeRequests = (moved: readonly Route[], device: string): StepRequest[] =>
  moved.map((route) => ({
    words: `RTM_NEWROUTE replace ${deviceless(route)}, device ${device}`,
    command: replaceRouteCommand(route, device),
  }));

/** Moves the routes of host and pod back to the old device, and traffic with them. */
export async function restoreRoutes({ kernel, namespace, pod, from, ...context }: StepContext): Promise<void> {
  const { oldPrimary, newPrimary, oldPeer, newPeer, networkState } = context;
  pointAt(kernel, pod, from);
  await moveRoutes(kernel.host, newPrimary, oldPrimary);
  if (networkState) await putRoutes(kernel.host, networkState.hostRoutes, oldPrimary);
  await moveRoutes(namespace.socket, newPeer, oldPeer);
  if (networkState) await putRoutes(namespace.socket, networkState.podRoutes, oldPeer);
  else await routePod(kernel, namespace, from.slot, pod.network);
  context.switched(from);
}

/** Returns the routes among `wanted` that the device does not have, as `ip route` prints them. */
export async function missingRoutes(
  socket: RtnetlinkSocket,
  ifindex: number,
  wanted: readonly Route[],
): Promise<string[]> {
  const present = new Set((await routes(socket, { ifindex })).map(deviceless));
  return wanted.map(deviceless).filter((route) => !present.has(route));
}

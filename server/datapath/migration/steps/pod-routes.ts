import { moveDeviceRoutes } from '../../device/network-state.ts';
import { findMissingRoutes, moveRoutesBack, replaceRouteRequests } from '../route-requests.ts';
import { netnsCommand } from '../shell-commands.ts';
import type { MigrationStepDefinition } from '../step-definition.ts';

/** Moves the pod's routes to the new peer, so that packets from the pod leave through the new device. */
export const routedPodStepDefinition: MigrationStepDefinition<'routed-pod'> = {
  name: 'routed-pod',
  describe: () => 'Replace the routes in the pod: it sends through the new device',

  requests: ({ podRoutes, to, netns }) =>
    replaceRouteRequests(podRoutes, to.peer.name).map(({ words, command }) => ({
      words,
      command: netnsCommand(netns, command),
    })),

  run: ({ namespace, oldPeer, newPeer }) => moveDeviceRoutes(namespace.socket, oldPeer, newPeer),
  undo: moveRoutesBack,

  async verify({ namespace, newPeer, networkState }) {
    const missing = await findMissingRoutes(namespace.socket, newPeer, networkState?.podRoutes ?? []);
    return missing.map((route) => `the pod's route ${route} is missing`);
  },
};

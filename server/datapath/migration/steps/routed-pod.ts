import { moveRoutes } from '../../device/network-state.ts';
import { inNamespace } from '../shell-commands.ts';
import type { Step } from '../step.ts';
import { missingRoutes, moveRoutesBack, routeRequests } from './route-moves.ts';

/** Moves the pod's routes to the new peer: what the pod sends leaves over the new device. */
export const routedPod: Step<'routed-pod'> = {
  name: 'routed-pod',
  describe: () => 'Replace the routes in the pod: it sends through the new device',

  requests: ({ podRoutes, to, netns }) =>
    routeRequests(podRoutes, to.peer.name).map(({ words, command }) => ({
      words,
      command: inNamespace(netns, command),
    })),

  run: ({ namespace, oldPeer, newPeer }) => moveRoutes(namespace.socket, oldPeer, newPeer),
  undo: moveRoutesBack,

  async verify({ namespace, newPeer, networkState }) {
    const missing = await missingRoutes(namespace.socket, newPeer, networkState?.podRoutes ?? []);
    return missing.map((route) => `the pod's route ${route} is missing`);
  },
};

import { moveTrafficBack, moveTrafficOfEnd } from '../move-traffic.ts';
import { listRouteReplaceCommands } from '../route-commands.ts';
import { netnsCommand } from '../shell-commands.ts';
import type { MigrationStepDefinition } from '../step-definition.ts';

/** Moves the pod's routes to the new peer, so that packets from the pod leave through the new device. */
export const moveRoutesInPodStep: MigrationStepDefinition<'routed-pod'> = {
  name: 'routed-pod',
  describe: () => 'Replace the routes in the pod: it sends through the new device',

  requests: (plan) =>
    listRouteReplaceCommands(plan.podRoutes, peerName(plan)).map(({ words, command }) => ({
      words,
      command: netnsCommand(plan.netns, command),
    })),

  run: (context) => moveTrafficOfEnd(context, 'pod'),
  undo: moveTrafficBack,
};

/** Returns the name of the new peer at this step. */
const peerName = ({ liveRename, names, to }: Parameters<typeof moveRoutesInPodStep.requests>[0]): string =>
  liveRename ? names.pod : to.peer.name;

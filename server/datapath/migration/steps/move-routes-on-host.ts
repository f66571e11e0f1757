import { isIpv6Text } from '../../../../contract/cidr.ts';
import { encodeEndpointEntry, encodeEndpointKey } from '../../../bpf/datapath-structs.ts';
import { stripPrefixLength } from '../../device/pod-gateways.ts';
import { setRedirectEndpoints } from '../../device/podlane-programs.ts';
import { moveTrafficBack, moveTrafficOfEnd } from '../move-traffic.ts';
import { listRouteReplaceCommands } from '../route-commands.ts';
import { updateMapEntryCommand } from '../shell-commands.ts';
import type { MigrationStepDefinition } from '../step-definition.ts';

/** Moves the host routes and the redirect endpoints to the new primary. */
export const moveRoutesOnHostStep: MigrationStepDefinition<'routed-host'> = {
  name: 'routed-host',
  describe: () => "Replace the host's routes to the pod: it receives through the new device",

  requests: ({ hostRoutes, network, to, pins, slotEntry, liveRename, names }) => [
    ...listRouteReplaceCommands(hostRoutes, liveRename ? names.host : to.primary.name),
    ...network.addresses.map(stripPrefixLength).map((address) => {
      const map = isIpv6Text(address) ? 'endpoints6' : 'endpoints4';
      return {
        words: `BPF_MAP_UPDATE_ELEM ${map}: ${address} is on slot ${to.slot}`,
        command: updateMapEntryCommand(
          `${pins}/maps/${map}`,
          encodeEndpointKey(address),
          encodeEndpointEntry({ slot: to.slot, owner: slotEntry.owner }),
        ),
      };
    }),
  ],

  async run(context) {
    await moveTrafficOfEnd(context, 'host');
    setRedirectEndpoints(context.kernel, context.pod, context.to);
    context.onTrafficMoved(context.to);
  },
  undo: moveTrafficBack,
};

import { listAddresses } from '../../../netlink/address.ts';
import { addPeerAddresses, orderAddressesForAssignment } from '../../device/device-pair.ts';
import { netnsCommand } from '../shell-commands.ts';
import type { MigrationStepDefinition } from '../step-definition.ts';

/** Adds the pod's addresses to the new peer. The old peer keeps the addresses until it is removed. */
export const addressedStepDefinition: MigrationStepDefinition<'addressed'> = {
  name: 'addressed',
  describe: ({ addresses }) =>
    `Add the pod's ${addresses.length === 1 ? 'address' : 'addresses'} to the new peer; the old one keeps them`,

  requests: ({ addresses, netns, to }) =>
    orderAddressesForAssignment(addresses).map((address) => ({
      words: `RTM_NEWADDR ${address} on ${to.peer.name} (ifindex ${to.peer.ifindex})`,
      command: netnsCommand(
        netns,
        `ip address add ${address} dev ${to.peer.name}${address.includes(':') ? ' nodad' : ''}`,
      ),
    })),

  run: ({ namespace, to, addresses }) => addPeerAddresses(namespace, to, addresses),

  async verify({ namespace, newPeer, addresses: wanted }) {
    const present = await listAddresses(namespace.socket, { ifindex: newPeer });
    return wanted
      .filter((address) => !present.some((each) => each.address === address))
      .map((address) => `address ${address} is missing`);
  },
};

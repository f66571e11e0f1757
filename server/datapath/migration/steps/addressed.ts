import { listAddresses } from '../../../netlink/address.ts';
import { addAddresses, assignmentOrder } from '../../device/device.ts';
import { inNamespace } from '../shell-commands.ts';
import type { Step } from '../step.ts';

/** Gives the new peer the pod's addresses. The old peer keeps them until it is removed. */
export const addressed: Step<'addressed'> = {
  name: 'addressed',
  describe: ({ addresses }) =>
    `Add the pod's ${addresses.length === 1 ? 'address' : 'addresses'} to the new peer; the old one keeps them`,

  requests: ({ addresses, netns, to }) =>
    assignmentOrder(addresses).map((address) => ({
      words: `RTM_NEWADDR ${address} on ${to.peer.name} (ifindex ${to.peer.ifindex})`,
      command: inNamespace(
        netns,
        `ip address add ${address} dev ${to.peer.name}${address.includes(':') ? ' nodad' : ''}`,
      ),
    })),

  run: ({ namespace, to, addresses }) => addAddresses(namespace, to, addresses),

  async verify({ namespace, newPeer, addresses: wanted }) {
    const present = await listAddresses(namespace.socket, { ifindex: newPeer });
    return wanted
      .filter((address) => !present.some((each) => each.address === address))
      .map((address) => `address ${address} is missing`);
  },
};

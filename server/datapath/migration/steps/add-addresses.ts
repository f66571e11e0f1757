import { setTimeout as sleep } from 'node:timers/promises';
import { ProblemError } from '../../../../contract/problem.ts';
import { orderAddressesForAssignment } from '../../device/device-pair.ts';
import { isForwardingBridgePort } from '../../network-state/bridge-port.ts';
import { carryAddresses } from '../../network-state/carry-end.ts';
import type { DeviceEndName } from '../../network-state/end-state.ts';
import { readEndLink, readLink } from '../../network-state/read-end-state.ts';
import { carrySecurityPolicies } from '../../network-state/security-policies.ts';
import { deviceEndNames, getDeviceEnd } from '../device-ends.ts';
import { removeCarriedIpsecPolicies } from '../mptcp-and-ipsec.ts';
import { netnsCommand } from '../shell-commands.ts';
import type { MigrationStepContext, MigrationStepDefinition } from '../step-definition.ts';

/** Milliseconds that a bridge has to forward by a new port: the spanning tree protocol waits for twice 15 s. */
const forwardingLimitMs = 60_000;
const pauseMs = 50;

/**
 * Adds the addresses, neighbor entries, bridge membership and IPsec policies of both old ends to the new ends, with all
 * attributes. The old ends keep them until they are removed.
 */
export const addAddressesStep: MigrationStepDefinition<'addressed'> = {
  name: 'addressed',
  describe: ({ addresses }) =>
    `Add the pod's ${addresses.length === 1 ? 'address' : 'addresses'} and neighbors to the new device; the old one keeps them`,

  requests: ({ addresses, netns, to }) =>
    orderAddressesForAssignment(addresses).map((address) => ({
      words: `RTM_NEWADDR ${address} on ${to.peer.name} (ifindex ${to.peer.ifindex})`,
      command: netnsCommand(
        netns,
        `ip address add ${address} dev ${to.peer.name}${address.includes(':') ? ' nodad' : ''}`,
      ),
    })),

  async run(context) {
    for (const name of deviceEndNames) {
      const end = getDeviceEnd(context, 'new', name);
      const state = context.expected[name];
      await carryAddresses(state, end, await readEndLink(end));
      await carrySecurityPolicies(state.securityPolicies, end);
      await waitUntilForwarding(context, name);
    }
  },

  async undo(context) {
    for (const name of deviceEndNames) await removeCarriedIpsecPolicies(context, name);
  },
};

/**
 * Waits until the bridge that an end is a port of forwards by the new port as well: with the spanning tree protocol it
 * listens and learns before.
 */
async function waitUntilForwarding(context: MigrationStepContext, name: DeviceEndName): Promise<void> {
  if (!isForwardingBridgePort(context.expected[name].link)) return;
  const { socket, ifindex } = getDeviceEnd(context, 'new', name);
  const deadline = performance.now() + forwardingLimitMs;
  while (!isForwardingBridgePort(await readLink(socket, ifindex))) {
    if (performance.now() > deadline)
      throw new ProblemError(
        'migration_failed',
        `add ${context.to.primaryName} to the bridge of ${context.from.primaryName}: the bridge does not forward by it after ${forwardingLimitMs / 1000} s`,
        { hint: 'See `bridge -d link`: the spanning tree protocol may block the port.' },
      );
    await sleep(pauseMs);
  }
}

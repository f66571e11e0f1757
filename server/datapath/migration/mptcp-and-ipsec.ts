import type { MigrationItem } from '../../../contract/migration.ts';
import { listBoundAssociations } from '../../netlink/security-policy.ts';
import type { DeviceEndName, DeviceState } from '../network-state/end-state.ts';
import { carryMptcpEndpoints } from '../network-state/mptcp-endpoints.ts';
import { openSocketOfProtocol } from '../network-state/open-netlink-protocol.ts';
import { removeSecurityPolicies } from '../network-state/security-policies.ts';
import { deviceEndNames, getDeviceEnd } from './device-ends.ts';
import { createMigrationItem } from './plan-items.ts';
import type { MigrationStepContext } from './step-definition.ts';

/**
 * Lists the MPTCP endpoints and the IPsec security associations (xfrm states) bound to the device, as items of the
 * plan.
 */
export async function listMptcpAndIpsecItems(
  state: DeviceState,
  podNamespaceFd: number,
): Promise<MigrationItem[]> {
  const items: MigrationItem[] = [];
  for (const end of deviceEndNames) {
    const { ifindex, mptcpEndpoints } = state[end];
    for (const { address } of mptcpEndpoints)
      items.push(
        createMigrationItem(
          end,
          'mptcp endpoint',
          address,
          `mptcp endpoint ${address}`,
          'changed',
          'it is made again for the new device, with its id; its subflows end, their connections go on by others',
        ),
      );
    using socket = openSocketOfProtocol({ namespaceFd: end === 'pod' ? podNamespaceFd : undefined }, 'xfrm');
    const bound = socket === null ? [] : await listBoundAssociations(socket);
    for (const { spi } of bound.filter((each) => each.ifindex === ifindex))
      items.push(
        createMigrationItem(
          end,
          'xfrm state',
          String(spi),
          `xfrm state spi 0x${spi.toString(16).padStart(8, '0')}`,
          'lost',
          'the kernel cannot bind a security association to another device: negotiate it again',
        ),
      );
  }
  return items;
}

/**
 * Moves the MPTCP endpoints to the new device, which cannot be on both. Deletes the IPsec policies of the old device,
 * which outlive it; the new one already has its own. Idempotent.
 */
export async function moveMptcpAndRemoveIpsec(context: MigrationStepContext): Promise<void> {
  for (const name of deviceEndNames) {
    const old = getDeviceEnd(context, 'old', name);
    await carryMptcpEndpoints(old, getDeviceEnd(context, 'new', name));
    await removeSecurityPolicies(old);
  }
}

/** Deletes the IPsec policies that were carried to the new device; policies of others for its index stay. */
export const removeCarriedIpsecPolicies = (
  context: MigrationStepContext,
  name: DeviceEndName,
): Promise<void> =>
  removeSecurityPolicies(getDeviceEnd(context, 'new', name), [
    ...context.recorded.state[name].securityPolicies,
    ...context.expected[name].securityPolicies,
  ]);

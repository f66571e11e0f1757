import { buildAddressFlagRequests } from '../network-state/address-requests.ts';
import { carrySettingsAfterTraffic, sendIgnoringRefusals } from '../network-state/carry-end.ts';
import { buildConnectedRouteDeletions } from '../network-state/connected-routes.ts';
import { followChanges } from '../network-state/follow-changes.ts';
import { deviceEndNames, getDeviceEnd } from './device-ends.ts';
import { withRecordedReversePathFilter } from './loosen-reverse-path-filters.ts';
import { listOwnNeighbors } from './own-neighbors.ts';
import type { MigrationStepContext } from './step-definition.ts';

/**
 * Makes on the new device what others changed on the old one since it was last read, and expects it there from then on
 * (`context.expected`).
 * @param moment `last`, after traffic has moved, also sets `sysctlsSetAfterTraffic` and the IPv6 token
 */
export async function followDevice(
  context: MigrationStepContext,
  moment: 'early' | 'last' = 'early',
): Promise<void> {
  for (const name of deviceEndNames) {
    const fresh = getDeviceEnd(context, 'new', name);
    const before = context.expected[name];
    const followed = await followChanges(
      before,
      getDeviceEnd(context, 'old', name),
      fresh,
      moment === 'last' ? 'under traffic' : 'before traffic',
      new Set(listOwnNeighbors(context.pod, context.expected.pod)),
    );
    const old = withRecordedReversePathFilter(context, name, followed.old);
    context.expected[name] = old;
    if (moment === 'last') await carrySettingsAfterTraffic(old, fresh, followed.present);
  }
}

/** Sets the flags of the new device's IPv6 addresses as they were on the old one, which has to be gone. */
export async function restoreAddressFlags(context: MigrationStepContext): Promise<void> {
  for (const name of deviceEndNames) {
    const { socket, ifindex } = getDeviceEnd(context, 'new', name);
    const expected = context.expected[name];
    await sendIgnoringRefusals(socket, [
      ...buildAddressFlagRequests(expected.addresses, ifindex),
      ...buildConnectedRouteDeletions(expected, ifindex),
    ]);
  }
}

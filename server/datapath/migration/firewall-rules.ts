import type { MigrationItem } from '../../../contract/migration.ts';
import { openCurrentNamespace } from '../../kernel/netns.ts';
import { hasKernelCapability } from '../kernel-context.ts';
import type { DeviceEndName, DeviceState } from '../network-state/end-state.ts';
import { formatTemporaryName } from '../slot-allocator.ts';
import { deviceEndNames, getDeviceEnd } from './device-ends.ts';
import type { DeviceIdentity } from './interface-rules/evaluate-uses.ts';
import { addInterfaceTwins, findInterfaceRules, removeInterfaceTwins } from './interface-rules.ts';
import { item } from './plan-items.ts';
import type { MigrationStepContext } from './step-definition.ts';

/** Lists the firewall rules that a migration cannot make match both devices, as items of the plan. */
export async function listFirewallItems(
  state: DeviceState,
  names: Record<DeviceEndName, string>,
  podNamespaceFd: number,
  fromSlot: number,
  newIfindex: Record<DeviceEndName, number>,
): Promise<MigrationItem[]> {
  using host = openCurrentNamespace();
  const items: MigrationItem[] = [];
  for (const end of deviceEndNames) {
    const found = await findInterfaceRules(
      end === 'pod' ? podNamespaceFd : host.fd,
      { name: names[end], ifindex: state[end].ifindex },
      { name: formatTemporaryName(fromSlot), ifindex: newIfindex[end] },
    );
    items.push(
      ...found
        .filter(({ treatment }) => treatment === 'impossible')
        .map(({ place, text }) => item(end, 'firewall rule', place, place, 'changed', text)),
    );
  }
  return items;
}

/**
 * Makes firewall rules that name an end of the pod's device match both devices: the old one, which bears a temporary
 * name as long as packets cross it, and the new one by its index.
 */
export async function addFirewallTwins(context: MigrationStepContext): Promise<void> {
  if (!hasKernelCapability(context.kernel, 'live-rename')) return;
  await eachNamespace(context, async (end, namespaceFd) => {
    await addInterfaceTwins(namespaceFd, pastIdentity(context, end), {
      name: formatTemporaryName(context.from.slot),
      ifindex: getDeviceEnd(context, 'new', end).ifindex,
    });
  });
}

/**
 * Takes those rules away again. Rules by index are left matching the device that stays.
 * @param stays device that has the pod's names from now on
 */
export async function removeFirewallTwins(
  context: MigrationStepContext,
  stays: 'old' | 'new',
): Promise<void> {
  await eachNamespace(context, async (end, namespaceFd) => {
    const moved: DeviceIdentity = {
      name: context.recorded.names[end],
      ifindex: getDeviceEnd(context, 'new', end).ifindex,
    };
    await removeInterfaceTwins(namespaceFd, pastIdentity(context, end), stays === 'new' ? moved : null);
  });
}

const pastIdentity = (context: MigrationStepContext, end: DeviceEndName): DeviceIdentity => ({
  name: context.recorded.names[end],
  ifindex: getDeviceEnd(context, 'old', end).ifindex,
});

async function eachNamespace(
  { namespace }: MigrationStepContext,
  act: (end: DeviceEndName, namespaceFd: number) => Promise<void>,
): Promise<void> {
  using host = openCurrentNamespace();
  for (const end of deviceEndNames) await act(end, end === 'pod' ? namespace.fd : host.fd);
}

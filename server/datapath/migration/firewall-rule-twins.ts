import type { MigrationItem } from '../../../contract/migration.ts';
import { openCurrentNamespace } from '../../kernel/netns.ts';
import { hasKernelCapability } from '../kernel-context.ts';
import type { DeviceEndName, DeviceState } from '../network-state/end-state.ts';
import { formatTemporaryName } from '../slot-allocator.ts';
import { deviceEndNames, getDeviceEnd } from './device-ends.ts';
import type { InterfaceNameAndIndex } from './interface-rules/evaluate-conditions.ts';
import { addInterfaceTwins, findInterfaceRules, removeInterfaceTwins } from './interface-rules.ts';
import { createMigrationItem } from './plan-items.ts';
import type { MigrationStepContext } from './step-definition.ts';

/** Maximum number of rules of an end that are items of their own; more are one item. */
const maxItems = 20;

export interface FirewallItemsInput {
  state: DeviceState;
  names: Record<DeviceEndName, string>;
  podNamespaceFd: number;
  fromSlot: number;
  newIfindex: Record<DeviceEndName, number>;
  /** True if the kernel renames an interface that is up: the new device then gets the names of the old one. */
  liveRename: boolean;
}

/** Lists the firewall rules that a migration cannot make match both devices, as items of the plan. */
export async function listFirewallItems({
  state,
  names,
  podNamespaceFd,
  fromSlot,
  newIfindex,
  liveRename,
}: FirewallItemsInput): Promise<MigrationItem[]> {
  using host = openCurrentNamespace();
  const items: MigrationItem[] = [];
  for (const end of deviceEndNames) {
    const found = await findInterfaceRules(
      end === 'pod' ? podNamespaceFd : host.fd,
      { name: names[end], ifindex: state[end].ifindex },
      { name: formatTemporaryName(fromSlot), ifindex: newIfindex[end] },
    );
    items.push(
      ...firewallItems(
        end,
        liveRename
          ? found.filter(({ treatment }) => treatment === 'impossible')
          : found.map(({ place }) => ({
              place,
              text: 'this kernel cannot rename an interface that is up, so the rule no longer matches the pod’s',
            })),
      ),
    );
  }
  return items;
}

function firewallItems(
  end: DeviceEndName,
  rules: readonly { place: string; text: string }[],
): MigrationItem[] {
  const [first] = rules;
  if (first === undefined || rules.length <= maxItems)
    return rules.map(({ place, text }) =>
      createMigrationItem(end, 'firewall rule', place, place, 'changed', text),
    );
  const some = rules.slice(0, 3).map(({ place }) => place);
  return [
    createMigrationItem(
      end,
      'firewall rule',
      null,
      `${rules.length} firewall rules: ${some.join(', ')} and others`,
      'changed',
      first.text,
    ),
  ];
}

/**
 * Makes firewall rules that name an end of the pod's device match both devices: the old one, which bears a temporary
 * name as long as packets cross it, and the new one by its index.
 */
export async function addFirewallRuleTwins(context: MigrationStepContext): Promise<void> {
  if (!hasKernelCapability(context.kernel, 'live-rename')) return;
  await eachNamespace(context, async (end, namespaceFd) => {
    await addInterfaceTwins(namespaceFd, pastIdentity(context, end), {
      name: formatTemporaryName(context.from.slot),
      ifindex: getDeviceEnd(context, 'new', end).ifindex,
    });
  });
}

/**
 * Removes the twins that `addFirewallRuleTwins` added. Rules that name the device by index are rewritten for the new
 * one if that stays.
 * @param stays device that has the pod's names from now on
 */
export async function removeFirewallRuleTwins(
  context: MigrationStepContext,
  stays: 'old' | 'new',
): Promise<void> {
  await eachNamespace(context, async (end, namespaceFd) => {
    const moved: InterfaceNameAndIndex = {
      name: context.recorded.names[end],
      ifindex: getDeviceEnd(context, 'new', end).ifindex,
    };
    await removeInterfaceTwins(namespaceFd, pastIdentity(context, end), stays === 'new' ? moved : null);
  });
}

const pastIdentity = (context: MigrationStepContext, end: DeviceEndName): InterfaceNameAndIndex => ({
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

import { isIpv6Text } from '../../../../contract/cidr.ts';
import type { StepRequest } from '../../../../contract/migration.ts';
import { hasKernelCapability } from '../../kernel-context.ts';
import { relabel, restoreLabels } from '../../network-state/address-labels.ts';
import { swapNames } from '../../network-state/swap-names.ts';
import { formatTemporaryName } from '../../slot-allocator.ts';
import { compareUnused, followDevice, throwIfDifferent } from '../compare-device.ts';
import { getDeviceEnd } from '../device-ends.ts';
import { addFirewallTwins, removeFirewallTwins } from '../firewall-rules.ts';
import { netnsCommand, quoteShellWord } from '../shell-commands.ts';
import type { MigrationStepContext, MigrationStepDefinition } from '../step-definition.ts';
import { watchForeignChanges } from '../watch-changes.ts';

/**
 * Gives the names of both old ends to the new ones before traffic takes them, while all are up: firewall rules and
 * policy routing rules that name an interface then match the new one. Where the kernel cannot rename an interface that
 * is up, the names follow as alternative names when the old device is gone.
 */
export const renamedStepDefinition: MigrationStepDefinition<'renamed'> = {
  name: 'renamed',
  describe: ({ liveRename, names, to }) =>
    liveRename
      ? `Give the new device the names ${names.pod} and ${names.host}, while it is up`
      : `Leave ${to.peer.name} its name: this kernel cannot rename an interface that is up`,

  requests({ liveRename, names, netns, from, to, addresses }) {
    if (!liveRename) return [];
    const temporary = formatTemporaryName(from.slot);
    return [
      {
        words: `RTM_NEWLINK ifindex ${from.peer.ifindex}, IFLA_IFNAME ${temporary}; ifindex ${to.peer.ifindex}, IFLA_IFNAME ${names.pod}`,
        command: [
          netnsCommand(netns, `ip link set ${quoteShellWord(names.pod)} name ${temporary}`),
          netnsCommand(netns, `ip link set ${to.peer.name} name ${quoteShellWord(names.pod)}`),
        ].join(' && '),
      },
      ...labelRequests(addresses, netns, names.pod),
      {
        words: `RTM_NEWLINK ifindex ${from.primary.ifindex}, IFLA_IFNAME ${temporary}; ifindex ${to.primary.ifindex}, IFLA_IFNAME ${names.host}`,
        command: `ip link set ${quoteShellWord(names.host)} name ${temporary} && ip link set ${to.primary.name} name ${quoteShellWord(names.host)}`,
      },
    ];
  },

  async run(context) {
    await followDevice(context);
    throwIfDifferent(context, await compareUnused(context));
    watchForeignChanges(context);
    if (!hasKernelCapability(context.kernel, 'live-rename')) return;
    await addFirewallTwins(context);
    await swapBothNames(context, 'new');
  },

  async undo(context) {
    if (!hasKernelCapability(context.kernel, 'live-rename')) return;
    await swapBothNames(context, 'old');
    await removeFirewallTwins(context, 'old');
  },
};

/** Lists the requests that give IPv4 addresses after the first their labels back, which the rename numbers. */
const labelRequests = (addresses: readonly string[], netns: string, name: string): StepRequest[] =>
  addresses
    .filter((address) => !isIpv6Text(address))
    .slice(1)
    .map((address) => {
      const device = quoteShellWord(name);
      return {
        words: `RTM_DELADDR and RTM_NEWADDR ${address}, IFA_LABEL ${name}`,
        command: [
          netnsCommand(netns, `ip address delete ${address} dev ${device}`),
          netnsCommand(netns, `ip address add ${address} dev ${device} label ${device}`),
        ].join(' && '),
      };
    });

/** Gives the names that stay to one device of the migration, and temporary names to the other. */
export async function swapBothNames(context: MigrationStepContext, device: 'old' | 'new'): Promise<void> {
  const other = device === 'new' ? 'old' : 'new';
  const { slot } = device === 'new' ? context.from : context.to;
  for (const name of ['pod', 'host'] as const) {
    const { socket, ifindex } = getDeviceEnd(context, device, name);
    await swapNames(socket, {
      from: getDeviceEnd(context, other, name).ifindex,
      to: ifindex,
      name: context.recorded.names[name],
      temporary: formatTemporaryName(slot),
    });
    const { addresses, name: labelled } = context.expected[name];
    const wanted = addresses.map((address) => relabel(address, labelled, context.recorded.names[name]));
    await restoreLabels(socket, ifindex, wanted);
  }
}

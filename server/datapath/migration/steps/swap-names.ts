import { isIpv6Text } from '../../../../contract/cidr.ts';
import type { StepRequest } from '../../../../contract/migration.ts';
import { buildAlternativeNamesRequest, getLink } from '../../../netlink/link.ts';
import {
  isStrictReversePathFilter,
  looseReversePathFilter,
  reversePathSysctl,
} from '../../device/reverse-path-filter.ts';
import { hasKernelCapability } from '../../kernel-context.ts';
import { replaceAddressLabel } from '../../network-state/address-labels.ts';
import { sendIgnoringRefusals } from '../../network-state/carry-end.ts';
import { buildConnectedRouteDeletions } from '../../network-state/connected-routes.ts';
import type { DeviceEndName } from '../../network-state/end-state.ts';
import { listAlternativeNames } from '../../network-state/list-settings.ts';
import { remakeDifferingAddresses } from '../../network-state/remake-addresses.ts';
import { swapNames } from '../../network-state/swap-names.ts';
import { formatTemporaryName } from '../../slot-allocator.ts';
import { compareBeforeTraffic, throwIfDifferent } from '../compare-devices.ts';
import { deviceEndNames, getDeviceEnd } from '../device-ends.ts';
import { addFirewallRuleTwins, removeFirewallRuleTwins } from '../firewall-rule-twins.ts';
import { followDevice } from '../follow-device.ts';
import { loosenReversePathFilters, restoreReversePathFilters } from '../loosen-reverse-path-filters.ts';
import type { MigrationPlanInput } from '../plan-input.ts';
import { addRoutingRuleTwins, removeRoutingRuleTwins } from '../routing-rule-twins.ts';
import { netnsCommand, quoteShellWord } from '../shell-commands.ts';
import type { MigrationStepContext, MigrationStepDefinition } from '../step-definition.ts';
import { watchForeignChanges } from '../watch-foreign-changes.ts';

/**
 * Gives the names of both old ends to the new ones before traffic takes them, while all are up: firewall rules and
 * policy routing rules that name an interface then match the new one. Where the kernel cannot rename an interface that
 * is up, the names follow as alternative names when the old device is gone.
 */
export const swapNamesStep: MigrationStepDefinition<'renamed'> = {
  name: 'renamed',
  describe: ({ liveRename, names, to }) =>
    liveRename
      ? `Give the new device the names ${names.pod} and ${names.host}, while it is up`
      : `Leave ${to.peer.name} its name: this kernel cannot rename an interface that is up`,

  requests({ liveRename, names, netns, from, to, addresses, reversePath }) {
    const loosening = loosenRequests({ names, netns, reversePath });
    if (!liveRename) return loosening;
    const temporary = formatTemporaryName(from.slot);
    return [
      ...loosening,
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
    throwIfDifferent(context, await compareBeforeTraffic(context));
    watchForeignChanges(context);
    context.onNewDeviceReady();
    await loosenReversePathFilters(context);
    if (!hasKernelCapability(context.kernel, 'live-rename')) return;
    await addFirewallRuleTwins(context);
    await addRoutingRuleTwins(context);
    await swapBothNames(context, 'new');
  },

  async undo(context) {
    await restoreReversePathFilters(context);
    if (!hasKernelCapability(context.kernel, 'live-rename')) return;
    await swapBothNames(context, 'old');
    await removeFirewallRuleTwins(context, 'old');
    await removeRoutingRuleTwins(context);
  },
};

/** Lists the requests that make strict reverse path filters of the old device loose. */
const loosenRequests = ({
  names,
  netns,
  reversePath,
}: Pick<MigrationPlanInput, 'names' | 'netns' | 'reversePath'>): StepRequest[] =>
  deviceEndNames
    .filter((end) => isStrictReversePathFilter(reversePath[end]))
    .map((end) => {
      const command = `sysctl -qw ${quoteShellWord(`${reversePathSysctl(names[end])}=${looseReversePathFilter}`)}`;
      return {
        words: `sysctl ${reversePathSysctl(names[end])} = ${looseReversePathFilter}, until the old device is deleted`,
        command: end === 'pod' ? netnsCommand(netns, command) : command,
      };
    });

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

/**
 * Gives the names that the old device had at first to one device of the migration, and temporary names to the other.
 */
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
    if (device === 'old') await addLostAlternativeNames(context, name);
    const { addresses, name: labelled } = context.expected[name];
    const wanted = addresses.map((address) =>
      replaceAddressLabel(address, labelled, context.recorded.names[name]),
    );
    await remakeDifferingAddresses(socket, ifindex, wanted);
    const { kernelRoutes } = context.expected[name];
    await sendIgnoringRefusals(
      socket,
      buildConnectedRouteDeletions({ addresses: wanted, kernelRoutes }, ifindex),
    );
  }
}

/** Gives the old device the alternative names that went with the new one, when another program deleted that. */
async function addLostAlternativeNames(context: MigrationStepContext, end: DeviceEndName): Promise<void> {
  const { socket, ifindex } = getDeviceEnd(context, 'old', end);
  const link = await getLink(socket, { ifindex });
  const lost = listAlternativeNames(context.recorded.state[end].link).filter(
    (name) => link && link.name !== name && !link.alternativeNames.includes(name),
  );
  await sendIgnoringRefusals(
    socket,
    lost.map((name) => buildAlternativeNamesRequest('add', ifindex, [name])),
  );
}

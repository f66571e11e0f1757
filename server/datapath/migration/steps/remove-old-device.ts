import type { DeviceReference, StepRequest } from '../../../../contract/migration.ts';
import { ProblemError } from '../../../../contract/problem.ts';
import { encodeSlotEntry } from '../../../bpf/datapath-structs.ts';
import { getLink } from '../../../netlink/link.ts';
import { deleteDevice } from '../../device/device-pair.ts';
import { releaseLearnedEntries } from '../../network-state/bridge-entries.ts';
import { formatTemporaryName } from '../../slot-allocator.ts';
import { addOldNamesAsAlternative } from '../add-alternative-names.ts';
import { countPackets } from '../count-packets.ts';
import { deviceEndNames } from '../device-ends.ts';
import { removeFirewallRuleTwins } from '../firewall-rule-twins.ts';
import { restoreAddressFlags } from '../follow-device.ts';
import { learnPathMtusOfEnd, moveTrafficBack } from '../move-traffic.ts';
import { moveMptcpAndRemoveIpsec, removeCarriedIpsecPolicies } from '../mptcp-and-ipsec.ts';
import { removeRoutingRuleTwins } from '../routing-rule-twins.ts';
import { netnsCommand, quoteShellWord, updateMapEntryCommand } from '../shell-commands.ts';
import type { MigrationStepContext, MigrationStepDefinition } from '../step-definition.ts';
import { swapBothNames } from './swap-names.ts';

/**
 * Deletes the old device with the pins and the map entry of its slot. Then does what had to wait for that: moves MPTCP
 * endpoints, adds alternative names, removes firewall twins, sets the flags of addresses.
 */
export const removeOldDeviceStep: MigrationStepDefinition<'removed'> = {
  name: 'removed',
  describe: ({ from }) => `Delete the old ${from.kind} pair; its programs go with it`,

  requests: ({ from, to, pins, liveRename, names, netns }) => {
    const slot = Buffer.alloc(4);
    slot.writeUInt32LE(from.slot);
    const directory = quoteShellWord(pins);
    return [
      {
        words: `RTM_DELLINK ifindex ${from.primary.ifindex}`,
        command: `ip link delete ${liveRename ? formatTemporaryName(from.slot) : from.primary.name}`,
      },
      {
        words: `unlink the pins of slot ${from.slot}`,
        command: `rm -f ${directory}/links/${from.slot}-* ${directory}/users/*/${from.slot}-*`,
      },
      {
        words: `BPF_MAP_UPDATE_ELEM slots: slot ${from.slot} is free`,
        command: updateMapEntryCommand(`${pins}/maps/slots`, slot, encodeSlotEntry(null)),
      },
      ...(liveRename ? [] : alternativeNames(to, names, netns)),
    ];
  },

  async run(context) {
    const { kernel, from, newPrimary, readings } = context;
    if (!(await getLink(kernel.host, { ifindex: newPrimary }))) await returnToOldDevice(context);
    await context.beforeRemoval();
    await deleteDevice(kernel, from);
    const total = countPackets(kernel.programs.counters.read(from.slot));
    readings.packetsAfterDrain = Number(total - countPackets(readings.drained));
    await context.onDeviceRemoved(from);
    await moveMptcpAndRemoveIpsec(context);
    await addOldNamesAsAlternative(context);
    await removeFirewallRuleTwins(context, 'new');
    await removeRoutingRuleTwins(context);
    await restoreAddressFlags(context);
    for (const end of deviceEndNames) learnPathMtusOfEnd(context, end);
    await releaseLearnedEntries(kernel.host, newPrimary);
  },
};

/**
 * Lists the requests that add the old device's names as alternative ones, where the kernel cannot rename an interface
 * that is up.
 */
const alternativeNames = (
  to: DeviceReference,
  names: { pod: string; host: string },
  netns: string,
): StepRequest[] => [
  {
    words: `RTM_NEWLINKPROP ifindex ${to.peer.ifindex}, IFLA_ALT_IFNAME ${names.pod}`,
    command: netnsCommand(
      netns,
      `ip link property add dev ${to.peer.name} altname ${quoteShellWord(names.pod)}`,
    ),
  },
  {
    words: `RTM_NEWLINKPROP ifindex ${to.primary.ifindex}, IFLA_ALT_IFNAME ${names.host}`,
    command: `ip link property add dev ${to.primary.name} altname ${quoteShellWord(names.host)}`,
  },
];

/**
 * Moves traffic back to the old device if the new device was deleted by another process.
 * @throws ProblemError always
 */
async function returnToOldDevice(context: MigrationStepContext): Promise<never> {
  const { kernel, from, to, newPrimary } = context;
  await moveTrafficBack(context);
  await swapBothNames(context, 'old');
  await removeFirewallRuleTwins(context, 'old');
  await removeRoutingRuleTwins(context);
  await deleteDevice(kernel, to);
  for (const name of deviceEndNames) await removeCarriedIpsecPolicies(context, name);
  await context.onDeviceRemoved(to);
  throw new ProblemError(
    'device_missing',
    `remove ${from.primaryName}: ${to.primaryName} (ifindex ${newPrimary}) was deleted by another process, so the pod is back on ${from.primaryName}`,
    { hint: 'Find what deletes it: a pod with CAP_NET_ADMIN may. Then migrate again.' },
  );
}

import { ProblemError } from '../../../../contract/problem.ts';
import { encodeSlotEntry } from '../../../bpf/datapath-structs.ts';
import { getLink } from '../../../netlink/link.ts';
import { deleteDevicePair } from '../../device/device-pair.ts';
import { countPackets } from '../packet-count.ts';
import { moveRoutesBack } from '../route-requests.ts';
import { quoteShellWord, updateMapEntryCommand } from '../shell-commands.ts';
import type { MigrationStepContext, MigrationStepDefinition } from '../step-definition.ts';

/** Deletes the old device, then the pins and the map entry of its slot. */
export const removedStepDefinition: MigrationStepDefinition<'removed'> = {
  name: 'removed',
  describe: ({ from }) => `Delete the old ${from.kind} pair; its programs go with it`,

  requests: ({ from, pins }) => {
    const slot = Buffer.alloc(4);
    slot.writeUInt32LE(from.slot);
    const directory = quoteShellWord(pins);
    return [
      {
        words: `RTM_DELLINK ifindex ${from.primary.ifindex}`,
        command: `ip link delete ${from.primary.name}`,
      },
      {
        words: `unlink the pins of slot ${from.slot}`,
        command: `rm -f ${directory}/links/${from.slot}-* ${directory}/users/*/${from.slot}-*`,
      },
      {
        words: `BPF_MAP_UPDATE_ELEM slots: slot ${from.slot} is free`,
        command: updateMapEntryCommand(`${pins}/maps/slots`, slot, encodeSlotEntry(null)),
      },
    ];
  },

  async run(context) {
    const { kernel, from, newPrimary, readings } = context;
    if (!(await getLink(kernel.host, { ifindex: newPrimary }))) await returnToOldDevice(context);
    await context.removing();
    await deleteDevicePair(kernel, from.slot);
    const total = countPackets(kernel.programs.counters.read(from.slot));
    readings.packetsAfterDrain = Number(total - countPackets(readings.drained));
    await context.removed(from);
  },
};

/**
 * Moves traffic back to the old device if the new device was deleted by another process.
 * @throws ProblemError always
 */
async function returnToOldDevice(context: MigrationStepContext): Promise<never> {
  const { kernel, from, to, newPrimary } = context;
  await moveRoutesBack(context);
  await deleteDevicePair(kernel, to.slot);
  await context.removed(to);
  throw new ProblemError(
    'device_missing',
    `remove ${from.primaryName}: ${to.primaryName} (ifindex ${newPrimary}) was deleted by another process, so the pod is back on ${from.primaryName}`,
    { hint: 'Find what deletes it: a pod with CAP_NET_ADMIN may. Then migrate again.' },
  );
}

import { countPacketsByDirection } from '../count-packets.ts';
import { netnsCommand, quoteShellWord } from '../shell-commands.ts';
import type { MigrationStepDefinition } from '../step-definition.ts';
import { verifyNewDevice } from '../verify-device.ts';

/** Minimum number of packets on the old device in a direction for which the new device must also carry packets. */
const busyPackets = 5n;

/** Compares the kernel with the expected results of the previous steps, and waits for traffic on the new device. */
export const createVerifyNewDeviceStep = (
  before: readonly MigrationStepDefinition[],
): MigrationStepDefinition<'verified'> => ({
  name: 'verified',
  describe: () => 'Compare the whole network state with the old device; await packets in both directions',

  requests: ({ to, netns, names }) => [
    {
      words: `read the counters of slot ${to.slot}`,
      command: `ip -s link show ${quoteShellWord(names.host)}`,
    },
    {
      words: 'RTM_GETLINK, RTM_GETADDR and RTM_GETROUTE in the pod',
      command: netnsCommand(netns, `ip -d address show dev ${quoteShellWord(names.pod)}`),
    },
    { words: 'RTM_GETROUTE on the host', command: `ip route show dev ${quoteShellWord(names.host)}` },
  ],

  async run(context) {
    const { planned, drained, packetsAfterDrain } = context.readings;
    const busy = (direction: 'egress' | 'ingress'): boolean =>
      countPacketsByDirection(drained, direction) - countPacketsByDirection(planned, direction) >=
      busyPackets;
    const expected = { egress: busy('egress'), ingress: busy('ingress') };
    const counted = await verifyNewDevice(context, before, expected);
    await context.onVerified({ ...counted, packetsOnOldDevice: packetsAfterDrain });
  },
});

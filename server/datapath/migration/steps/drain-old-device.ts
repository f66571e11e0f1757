import { setTimeout as sleep } from 'node:timers/promises';
import { ProblemError } from '../../../../contract/problem.ts';
import { readReceiveBacklogs } from '../../../kernel/receive-backlog.ts';
import { readQueueLength } from '../../network-state/queue-length.ts';
import { compareUnderTraffic, throwIfDifferent } from '../compare-devices.ts';
import { countPackets } from '../count-packets.ts';
import { deviceEndNames, getDeviceEnd } from '../device-ends.ts';
import { followDevice } from '../follow-device.ts';
import { moveRoutesAndForwarding } from '../move-traffic.ts';
import { netnsCommand, quoteShellWord } from '../shell-commands.ts';
import type { MigrationStepContext, MigrationStepDefinition } from '../step-definition.ts';

/**
 * Readings in a row, at least 5 ms apart, that must be equal. Readings rather than time: a sender that chose its route
 * before the switch may wait for a processor, and on such a machine readings come late as well.
 */
const equalReadings = 20;
/** Milliseconds that packets may go on crossing the old device with nothing queued: others may send through it. */
const stillLimitMs = 2000;
/** Milliseconds that the queues of the old device have to send what they hold. */
const queueLimitMs = 30_000;
const pauseMs = 5;

/**
 * Waits until the old device carries no more packets, then makes on the new device what was changed on the old one
 * meanwhile, and compares both: this is the last moment at which a difference can be undone.
 */
export const drainOldDeviceStep: MigrationStepDefinition<'drained'> = {
  name: 'drained',
  describe: () =>
    'Wait until the queues of the old device are empty (at most 30 s) and it has carried nothing for 100 ms (at most 2 s); compare both devices',

  requests: ({ from, to, names, netns, liveRename, sysctlsAfterTraffic }) => {
    const name = liveRename ? `pn${from.slot}` : from.primary.name;
    const counters = `ip -s link show ${name}`;
    const loop = `until a=$(${counters}); sleep 0.1; [ "$a" = "$(${counters})" ]; do :; done`;
    return [
      {
        words: `read the counters of slot ${from.slot} until they stand still`,
        command: `timeout 2 sh -c ${quoteShellWord(loop)} || true`,
      },
      ...deviceEndNames.flatMap((end) => {
        const settings = sysctlsAfterTraffic[end];
        const name = liveRename ? names[end] : (end === 'pod' ? to.peer : to.primary).name;
        const words = settings.map((each) =>
          quoteShellWord(`${each.tree}/${name}/${each.name}=${each.value}`),
        );
        const command = `sysctl -qw ${words.join(' ')}`;
        return settings.length === 0
          ? []
          : [
              {
                words: `sysctls of ${name}${end === 'pod' ? ', in the pod' : ''}, which had to wait for this: ${settings.map((each) => each.name).join(', ')}`,
                command: end === 'pod' ? netnsCommand(netns, command) : command,
              },
            ];
      }),
    ];
  },

  async run(context) {
    await waitForEmptyQueues(context);
    await standsStill(context);
    for (const name of deviceEndNames) await moveRoutesAndForwarding(context, name);
    await followDevice(context, 'last');
    const { counters } = context.kernel.programs;
    context.readings.drained = counters.read(context.from.slot);
    throwIfDifferent(context, await compareUnderTraffic(context));
  },
};

async function waitForEmptyQueues(context: MigrationStepContext): Promise<void> {
  const deadline = performance.now() + queueLimitMs;
  for (;;) {
    let waiting = 0;
    for (const name of deviceEndNames) waiting += await readQueueLength(getDeviceEnd(context, 'old', name));
    if (waiting === 0) return;
    if (performance.now() > deadline)
      throw new ProblemError(
        'migration_failed',
        `drain ${context.from.primaryName}: ${waiting} packets are still queued after ${queueLimitMs / 1000} s`,
        {
          hint: 'See `tc -s qdisc`: the queue sends slower than it is filled. Raise its rate, then migrate again.',
        },
      );
    await sleep(pauseMs);
  }
}

/**
 * Waits until the old device's programs have counted nothing for `equalReadings` readings and every processor's receive
 * backlog was empty once since the traffic moved: what was sent before is in one of them until its receiver has it. The
 * link's own counters cannot tell: veth and netkit count a packet at both ends when it is sent (`veth_get_stats64`,
 * `netkit_xmit`), and one that a program redirects at one end only.
 */
async function standsStill(context: MigrationStepContext): Promise<void> {
  const { kernel, from } = context;
  const start = performance.now();
  const read = (): bigint => countPackets(kernel.programs.counters.read(from.slot));
  const waiting = new Set(readReceiveBacklogs().keys());
  let last = read();
  for (let equal = 0; performance.now() - start < stillLimitMs; ) {
    for (const [processor, packets] of readReceiveBacklogs().entries())
      if (packets === 0) waiting.delete(processor);
    if (equal >= equalReadings && waiting.size === 0) return;
    await sleep(pauseMs);
    const now = read();
    equal = now === last ? equal + 1 : 0;
    last = now;
  }
}

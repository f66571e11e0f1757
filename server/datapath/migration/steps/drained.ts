import { setTimeout as sleep } from 'node:timers/promises';
import { ProblemError } from '../../../../contract/problem.ts';
import { getLink } from '../../../netlink/link.ts';
import { readQueueLength } from '../../network-state/queue-length.ts';
import { compareUsed, followDevice, throwIfDifferent } from '../compare-device.ts';
import { deviceEndNames, getDeviceEnd } from '../device-ends.ts';
import { moveLateRoutes } from '../move-traffic.ts';
import { countPackets } from '../packet-count.ts';
import { quoteShellWord } from '../shell-commands.ts';
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
export const drainedStepDefinition: MigrationStepDefinition<'drained'> = {
  name: 'drained',
  describe: () =>
    'Wait until the queues of the old device are empty (at most 30 s) and it has carried nothing for 100 ms (at most 2 s); compare both devices',

  requests: ({ from, liveRename }) => {
    const name = liveRename ? `pn${from.slot}` : from.primary.name;
    const counters = `ip -s link show ${name}`;
    const loop = `until a=$(${counters}); sleep 0.1; [ "$a" = "$(${counters})" ]; do :; done`;
    return [
      {
        words: `read the counters of slot ${from.slot} until they stand still`,
        command: `timeout 2 sh -c ${quoteShellWord(loop)} || true`,
      },
    ];
  },

  async run(context) {
    await waitForEmptyQueues(context);
    await standsStill(context);
    for (const name of deviceEndNames) await moveLateRoutes(context, name);
    await followDevice(context, 'last');
    const { counters } = context.kernel.programs;
    context.readings.drained = counters.read(context.from.slot);
    throwIfDifferent(context, await compareUsed(context));
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

async function standsStill(context: MigrationStepContext): Promise<void> {
  const { kernel, from } = context;
  const start = performance.now();
  const read = (): bigint => countPackets(kernel.programs.counters.read(from.slot));
  let last = read();
  for (let equal = 0; performance.now() - start < stillLimitMs; ) {
    if (equal >= equalReadings && (await nothingInFlight(context))) return;
    await sleep(pauseMs);
    const now = read();
    equal = now === last ? equal + 1 : 0;
    last = now;
  }
}

/** Compares what each end has sent with what the other has received: they differ while packets wait between them. */
async function nothingInFlight(context: MigrationStepContext): Promise<boolean> {
  const links = await Promise.all(
    deviceEndNames.map((name) => {
      const { socket, ifindex } = getDeviceEnd(context, 'old', name);
      return getLink(socket, { ifindex }, { stats: true });
    }),
  );
  const [pod, host] = links.map((link) => link?.stats);
  if (!pod || !host) return true;
  return pod.transmit.packets <= host.receive.packets && host.transmit.packets <= pod.receive.packets;
}

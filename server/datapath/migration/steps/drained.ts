import { setTimeout as sleep } from 'node:timers/promises';
import { countPackets } from '../packet-count.ts';
import { quoteShellWord } from '../shell-commands.ts';
import type { MigrationStepDefinition } from '../step-definition.ts';

/**
 * Readings in a row, at least 5 ms apart, that must be equal. Readings rather than time: a sender that chose its route
 * before the switch may wait for a processor, and on such a machine readings come late as well.
 */
const equalReadings = 20;
const limitMs = 2000;
const pauseMs = 5;

/** Waits until the old device carries no more packets. */
export const drainedStepDefinition: MigrationStepDefinition<'drained'> = {
  name: 'drained',
  describe: () => 'Wait until the old device has carried nothing for 100 ms, at most 2 s',

  requests: ({ from }) => {
    const counters = `ip -s link show ${from.primary.name}`;
    const loop = `until a=$(${counters}); sleep 0.1; [ "$a" = "$(${counters})" ]; do :; done`;
    return [
      {
        words: `read the counters of slot ${from.slot} until they stand still`,
        command: `timeout 2 sh -c ${quoteShellWord(loop)} || true`,
      },
    ];
  },

  async run({ kernel, from, readings }) {
    const { counters } = kernel.programs;
    await standsStill(() => countPackets(counters.read(from.slot)));
    readings.drained = counters.read(from.slot);
  },
};

async function standsStill(read: () => bigint): Promise<void> {
  const start = performance.now();
  let last = read();
  for (let equal = 0; equal < equalReadings && performance.now() - start < limitMs; ) {
    await sleep(pauseMs);
    const now = read();
    equal = now === last ? equal + 1 : 0;
    last = now;
  }
}

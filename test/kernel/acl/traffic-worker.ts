import { closeSync, openSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { ProgramTestRun } from '../../../server/bpf/program-test-run.ts';
import { runInNetworkNamespace } from '../../../server/netlink/setns.ts';
import { drop } from './rule-fixture.ts';

export interface Traffic {
  netns: string;
  packets: readonly { program: number; ifindex: number; frame: Uint8Array; dropped: boolean }[];
  /** Not 0: it is to end. */
  stop: Int32Array;
}

/** Result of a thread that runs programs on the same packets repeatedly. */
export interface CarriedTraffic {
  packets: number;
  /** Indexes of packets with a different verdict at least once. */
  wrong: number[];
}

function carry({ netns, packets, stop }: Traffic): CarriedTraffic {
  const runs = new ProgramTestRun();
  const wrong = new Set<number>();
  const frames = packets.map(({ frame }) => Buffer.from(frame));
  const fd = openSync(netns, 'r');
  try {
    return runInNetworkNamespace(fd, () => {
      let count = 0;
      while (Atomics.load(stop, 0) === 0)
        packets.forEach(({ program, ifindex, dropped }, i) => {
          count += 1;
          if ((runs.run(program, ifindex, frames[i]!, 1, 1).verdict === drop) !== dropped) wrong.add(i);
        });
      return { packets: count, wrong: [...wrong] };
    });
  } finally {
    closeSync(fd);
  }
}

parentPort?.postMessage(carry(workerData as Traffic));

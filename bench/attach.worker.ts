import { rmSync } from 'node:fs';
import type { DeviceKind } from '../contract/device.ts';
import { deleteDevicePair } from '../server/datapath/device/device-pair.ts';
import { CommandTimer } from './command-timer.ts';
import {
  attachBenchPod,
  type BenchHooks,
  benchPinDirectory,
  createBenchNamespace,
  createBenchPodRecords,
  openBenchKernelContext,
  withoutProgramAttachment,
} from './fixture.ts';
import {
  buildIproute2AttachCommands,
  buildIproute2DetachCommands,
  listLeftoverLinkPinPaths,
  toNoopCommands,
} from './iproute2-commands.ts';
import { type BenchReporter, createJsonLinesReporter, summarizeRuns } from './report.ts';

const hooksOfKind: Record<DeviceKind, BenchHooks[]> = {
  veth: ['none', 'tc', 'tcx'],
  netkit: ['none', 'netkit'],
};
const acts = ['attach', 'detach'] as const;
type Times = Record<(typeof acts)[number], number[]>;

interface Measure {
  env: string;
  kind: DeviceKind;
  rounds: number;
  /** Number of pods that are attached and detached per round. */
  pods: number;
}

/**
 * Attaches and detaches pods by what the agent does it with, and by iproute2 in batches: the same devices, MACs,
 * neighbors, addresses, routes and programs, in the same namespaces, by turns.
 */
async function measure(report: BenchReporter, { env, kind, rounds, pods }: Measure): Promise<void> {
  const kernel = await openBenchKernelContext();
  const namespaces = Array.from({ length: pods }, (_, i) => createBenchNamespace(String(i)));
  using timed = new CommandTimer();

  for (const hooks of hooksOfKind[kind]) {
    const within = hooks === 'none' ? withoutProgramAttachment(kernel) : kernel;
    const subjects = namespaces.map((netns, number) => createBenchPodRecords({ number, netns, kind, hooks }));
    const [ours, theirs, starts]: Times[] = [noTimes(), noTimes(), noTimes()] as const;
    // The first round warms all up.
    for (let round = -1; round < rounds; round++) {
      const keep = (times: Times, act: keyof Times, ms: number): void =>
        void (round >= 0 && times[act].push(ms));
      for (const each of subjects) keep(ours!, 'attach', await spent(() => attachBenchPod(within, each)));
      for (const { device } of subjects)
        keep(ours!, 'detach', await spent(() => deleteDevicePair(within, device.slot)));
      for (const each of subjects) {
        const commands = buildIproute2AttachCommands(each, hooks, benchPinDirectory);
        keep(theirs!, 'attach', await timed.run(commands));
        keep(starts!, 'attach', await timed.run(toNoopCommands(commands)));
      }
      for (const each of subjects) {
        const commands = buildIproute2DetachCommands(each);
        keep(theirs!, 'detach', await timed.run(commands));
        keep(starts!, 'detach', await timed.run(toNoopCommands(commands)));
        for (const link of listLeftoverLinkPinPaths(benchPinDirectory, each)) rmSync(link, { force: true });
      }
    }
    for (const act of acts) {
      const our = summarizeRuns(ours![act]);
      const peer = summarizeRuns(theirs![act]).value;
      const compare = (name: string, peerValue: number): void => {
        const dimensions = { env, kind, programs: hooks };
        const against = { peer: name, peerValue, ratio: our.value / peerValue };
        report({ bench: 'attach', metric: `${act}_ms`, ...dimensions, ...our, unit: 'ms', ...against });
      };
      compare('ip-batch', peer);
      compare('ip-batch-less-starts', peer - summarizeRuns(starts![act]).value);
    }
  }
}

async function spent(act: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await act();
  return performance.now() - start;
}

const noTimes = (): Times => ({ attach: [], detach: [] });

const [env = 'native', kind = 'veth', rounds = '10', pods = '10'] = process.argv.slice(2);
await measure(
  createJsonLinesReporter((text) => process.stdout.write(text)),
  { env, kind: kind as DeviceKind, rounds: Number(rounds), pods: Number(pods) },
);
process.exit(0);

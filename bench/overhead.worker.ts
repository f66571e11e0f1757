import { execFileSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import type { DatapathPrograms } from '../server/bpf/datapath.ts';
import {
  attachBenchPod,
  createBenchNamespace,
  createBenchPodRecords,
  openBenchKernelContext,
} from './fixture.ts';
import { type BenchReporter, createJsonLinesReporter, summarizeRuns } from './report.ts';
import { BenchTrafficClient, startTrafficServer, type TrafficRoundResult } from './traffic.ts';

/**
 * `off`: no programs attached. `counting`: programs that only count, without source check and redirect. `full`: the
 * agent's defaults.
 */
const variants = ['counting', 'full', 'off'] as const;
type Variant = (typeof variants)[number];

const hostAddress = '10.42.0.1';
/**
 * CPUs of receiver and sender, and their real-time priority. The sender's CPU carries datagrams to the receiver's
 * socket.
 */
const [receiverCpu, senderCpu, realTime] = [0, 1, 10];

interface Path {
  /** `pod-host` runs one program per packet, `pod-pod` two with a host route or a redirect between them. */
  name: 'pod-host' | 'pod-pod';
  client: BenchTrafficClient;
}

/**
 * Datagrams of 64 bytes per second that one sender gets through, by turns with our programs off, counting and full,
 * on the same devices.
 */
async function measure(
  report: BenchReporter,
  env: string,
  rounds: number,
  milliseconds: number,
): Promise<void> {
  const kernel = await openBenchKernelContext();
  const { programs } = kernel;
  const place = async (number: number) => {
    const placed = createBenchPodRecords({
      number,
      netns: createBenchNamespace(String(number)),
      kind: 'veth',
      hooks: 'tcx',
    });
    await attachBenchPod(kernel, placed);
    const { slot } = placed.device;
    return { netns: placed.pod.netnsPath, slot, entry: programs.readSlot(slot)! };
  };
  const [from, to] = [await place(0), await place(1)];
  execFileSync('ip', ['address', 'add', `${hostAddress}/32`, 'dev', 'lo']);
  const alone = availableParallelism() === 1;
  const receiver = alone ? {} : { cpu: receiverCpu, priority: realTime };
  const sender = { netns: from.netns, ...(alone ? {} : { cpu: senderCpu, priority: realTime }) };
  using _host = await startTrafficServer(receiver);
  using _pod = await startTrafficServer({ ...receiver, netns: to.netns });
  using toHost = new BenchTrafficClient(sender, 'udp', hostAddress);
  using toPod = new BenchTrafficClient(sender, 'udp', '10.42.0.3');
  const paths: Path[] = [
    { name: 'pod-host', client: toHost },
    { name: 'pod-pod', client: toPod },
  ];

  const switchTo = async (variant: Variant): Promise<void> => {
    for (const { slot, entry } of [from, to]) {
      if (variant === 'off') {
        await programs.detach(slot);
        continue;
      }
      programs.setSlot(slot, variant === 'full' ? entry : { ...entry, check: false, redirect: false });
      await programs.attach('tcx/egress', slot);
      await programs.attach('tcx/ingress', slot);
    }
  };
  const done = new Map<string, TrafficRoundResult[]>();
  const key = (path: Path, variant: Variant): string => `${path.name} ${variant}`;
  for (let round = -1; round < rounds; round++) {
    // Each variant comes first, second and last equally often.
    for (let turn = 0; turn < variants.length; turn++) {
      const variant = variants[(turn + round + variants.length) % variants.length]!;
      await switchTo(variant);
      for (const path of paths) {
        // What the switch left to be done, and cold caches, are not the programs' cost.
        await path.client.round(milliseconds / 4);
        const before = counted(programs, from.slot);
        const result = await path.client.round(milliseconds);
        const seen = counted(programs, from.slot) - before;
        if (variant === 'off' ? seen !== 0 : seen < result.amount)
          throw new Error(`programs ${variant}: they saw ${seen} of ${result.amount} packets`);
        if (round >= 0) done.set(key(path, variant), [...(done.get(key(path, variant)) ?? []), result]);
      }
    }
  }

  for (const path of paths)
    for (const variant of ['counting', 'full'] as const) {
      const ours = done.get(key(path, variant))!;
      const peers = done.get(key(path, 'off'))!;
      const compare = (metric: string, unit: string, of: (round: TrafficRoundResult) => number): void => {
        const peerValue = summarizeRuns(peers.map(of)).value;
        // Of each round by itself: what else runs on the machine slows neighboring rounds alike.
        const ratio = summarizeRuns(ours.map((round, i) => of(round) / of(peers[i]!))).value;
        const dimensions = { path: path.name, programs: variant, env };
        report({
          bench: 'overhead',
          metric,
          ...dimensions,
          ...summarizeRuns(ours.map(of)),
          unit,
          peer: 'off',
          peerValue,
          ratio,
        });
      };
      compare('pps', 'packets/s', ({ amount, seconds }) => amount / seconds);
      compare('cpu_ns_per_packet', 'ns', ({ amount, cpuSeconds }) => (cpuSeconds / amount) * 1e9);
      compare('arrived', 'ratio', ({ amount, arrived }) => arrived / amount);
    }
}

const counted = (programs: DatapathPrograms, slot: number): number => Number(programs.counters.read(slot)[0]);

const [env = 'native', rounds = '60', milliseconds = '60'] = process.argv.slice(2);
await measure(
  createJsonLinesReporter((text) => process.stdout.write(text)),
  env,
  Number(rounds),
  Number(milliseconds),
);
process.exit(0);

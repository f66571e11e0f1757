import { type BenchReporter, summarizeRuns } from './report.ts';
import type { BenchTrafficClient, TrafficRoundResult } from './traffic.ts';

/** A way that datagrams take: `pod-host` crosses the hooks of one device, `pod-pod` those of two. */
export interface TrafficPath {
  name: 'pod-host' | 'pod-pod';
  client: BenchTrafficClient;
}

interface RatesByTurns<Variant extends string> {
  env: string;
  rounds: number;
  milliseconds: number;
  paths: readonly TrafficPath[];
  /** What is compared with each other; `off` is the peer of all others. */
  variants: readonly Variant[];
  /** Attaches and detaches programs so that a variant is in force. */
  switchTo(variant: Variant): Promise<void>;
  /** Number of packets that the sender's programs have counted. */
  counted(): number;
}

/**
 * Measures datagrams of 64 bytes per second that one sender gets through, by turns with each variant of programs on the same
 * devices, and reports all variants against `off`.
 * @throws Error when programs did not see what they should
 */
export async function measureRatesByTurns<Variant extends string>(
  report: BenchReporter,
  { env, rounds, milliseconds, paths, variants, switchTo, counted }: RatesByTurns<Variant | 'off'>,
): Promise<void> {
  const done = new Map<string, TrafficRoundResult[]>();
  const key = (path: TrafficPath, variant: string): string => `${path.name} ${variant}`;
  for (let round = -1; round < rounds; round++) {
    // Each variant comes first and last equally often.
    for (let turn = 0; turn < variants.length; turn++) {
      const variant = variants[(turn + round + variants.length) % variants.length]!;
      await switchTo(variant);
      for (const path of paths) {
        // What the switch left to be done, and cold caches, are not the programs' cost.
        await path.client.round(milliseconds / 4);
        const before = counted();
        const result = await path.client.round(milliseconds);
        const seen = counted() - before;
        if (variant === 'off' ? seen !== 0 : seen < result.amount)
          throw new Error(`programs ${variant}: they saw ${seen} of ${result.amount} packets`);
        if (round >= 0) done.set(key(path, variant), [...(done.get(key(path, variant)) ?? []), result]);
      }
    }
  }

  for (const path of paths)
    for (const variant of variants.filter((each) => each !== 'off')) {
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

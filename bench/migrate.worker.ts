import { setTimeout as sleep } from 'node:timers/promises';
import type { DeviceKind } from '../contract/device.ts';
import { type Migration, migrationSteps } from '../contract/migration.ts';
import type { NodeInfo } from '../contract/node.ts';
import type { Pod } from '../contract/pod.ts';
import { openTestConnection } from '../test/testbed/connection.ts';
import { startTestNode } from '../test/testbed/node.ts';
import { countLostPings, findLongestTimeGap, type PingTimes, runPings } from './pings.ts';
import { type BenchFigure, type BenchReporter, createJsonLinesReporter, summarizeRuns } from './report.ts';
import { BenchTrafficClient, startTrafficServer, type TrafficRoundResult } from './traffic.ts';

const moved = { ipv4: '10.42.0.2', ipv6: 'fd00:42::2' } as const;
const still = { ipv4: '10.42.0.3', ipv6: 'fd00:42::3' } as const;
const families = ['ipv4', 'ipv6'] as const;

interface Measure {
  migrations: number;
  /** Number of pings that each of the two pods sends per address family. */
  pings: number;
  /** Milliseconds between two pings of the same pod and address family. */
  intervalMs: number;
  /** Real-time priority of the pingers; null on a single CPU, where other processes would then not run. */
  priority: number | null;
  /** Number of measured rounds of each stream; every round is run with and without a migration. */
  rounds: number;
  /** Length of a part of a round, in ms. A round has as many parts as its migration takes. */
  roundMs: number;
}

/** Settings by environment. The guest emulates one CPU, so it gets slower pings and fewer but longer rounds. */
const measures = {
  native: { intervalMs: 2, priority: 10, rounds: 10, roundMs: 500 },
  guest: { intervalMs: 4, priority: null, rounds: 2, roundMs: 3000 },
} as const;

/** Migrates the pod to the other device kind, or to a new device of the same kind on a kernel without netkit. */
type MoveOn = () => Promise<Migration>;

/**
 * Migrates one pod again and again on this kernel: first while it and another pod ping each other every 2 ms over
 * both families and one TCP connection between them lives on, then while a TCP stream takes all there is.
 */
async function measure(report: BenchReporter, env: keyof typeof measures, measure: Measure): Promise<void> {
  await using node = await startTestNode();
  const { capabilities } = await node.ask<NodeInfo>('GET', '/node');
  const netkit = capabilities.some((each) => each.name === 'netkit' && each.available);
  const pods = {
    moved: await node.addPod('moved', [`${moved.ipv4}/32`, `${moved.ipv6}/128`]),
    still: await node.addPod('still', [`${still.ipv4}/32`, `${still.ipv6}/128`]),
  };
  let kind: DeviceKind = pods.moved.kind;
  const moveOn: MoveOn = async () => {
    kind = netkit ? (kind === 'netkit' ? 'veth' : 'netkit') : kind;
    const migration = await node.migrate('shop.moved', kind, !netkit);
    if (migration.state !== 'done') throw new Error(`migration to ${kind}: ${migration.error?.detail}`);
    return migration;
  };
  const between = netkit ? 'netkit,veth' : kind;
  const figure = (metric: string, unit: string, values: number[], more: Partial<BenchFigure> = {}): void =>
    report({ bench: 'migrate', metric, env, between, ...summarizeRuns(values), unit, ...more });

  await underPings(pods, moveOn, measure, figure);
  await underStream(pods, moveOn, measure, figure);
}

type Tell = (metric: string, unit: string, values: number[], more?: Partial<BenchFigure>) => void;
type Pods = Record<'moved' | 'still', Pod>;

async function underPings(
  pods: Pods,
  moveOn: MoveOn,
  { migrations, pings, intervalMs, priority }: Measure,
  figure: Tell,
): Promise<void> {
  using connection = await openTestConnection(pods.still.netns.path, pods.moved.netns.path, moved.ipv4);
  const pinging = families.flatMap((family) => [
    runPings(pods.still.netns.path, moved[family], { count: pings, intervalMs, priority }),
    runPings(pods.moved.netns.path, still[family], { count: pings, intervalMs, priority }),
  ]);
  // Spread over the pings, so that each migration has some before and behind it.
  const started = Date.now();
  const done: Migration[] = [];
  const pinged = Promise.all(pinging);
  let over = false;
  void pinged.then(() => {
    over = true;
  });
  for (let i = 0; i < migrations && !over; i++) {
    const due = started + ((i + 0.5) * pings * intervalMs) / (migrations + 1);
    await sleep(Math.max(0, due - Date.now()));
    done.push(await moveOn());
  }
  const alive = await connection.carries().then(
    () => 1,
    () => 0,
  );
  const sides = await pinged;

  const last = Math.min(...sides.map(({ sent }) => sent.at(-1)!));
  const windows = done
    .map((each) => ({ from: Date.parse(each.startedAt), ms: each.durationMs! }))
    .filter(({ from, ms }) => from + ms < last);
  const gaps = (of: PingTimes[], moments: 'sent' | 'arrived', before: boolean): number[] =>
    windows.map(({ from, ms }) => {
      // Before: as long a time just before the migration, in which none ran.
      const start = before ? from - ms - 100 : from;
      return Math.max(...of.map((side) => findLongestTimeGap(side[moments], start, start + ms)));
    });
  for (const family of families) {
    const of = sides.filter((side) => side.family === family);
    figure('sent', 'packets', [pings * of.length], { family, migrations: windows.length, intervalMs });
    figure('lost', 'packets', [of.reduce((sum, side) => sum + countLostPings(side), 0)], {
      family,
      migrations: windows.length,
    });
    for (const [metric, moments] of [
      ['blackout_ms', 'arrived'],
      ['sender_gap_ms', 'sent'],
    ] as const) {
      const during = gaps(of, moments, false);
      const peerValue = summarizeRuns(gaps(of, moments, true)).value;
      const ratio = summarizeRuns(during).value / peerValue;
      figure(metric, 'ms', during, { family, peer: 'no-migration', peerValue, ratio });
    }
  }
  figure('tcp_alive', 'bool', [alive]);
  figure('wall_ms', 'ms', done.map(withoutDrain), {
    withDrain: summarizeRuns(done.map((each) => each.durationMs!)).value,
  });
  for (const step of migrationSteps)
    figure(
      'step_ms',
      'ms',
      done.map((each) => durationOf(each, step)),
      { step },
    );
}

/** Saturates each direction and family with a TCP stream, alternating rounds with a migration and without. */
async function underStream(
  pods: Pods,
  moveOn: MoveOn,
  { rounds, roundMs }: Measure,
  figure: Tell,
): Promise<void> {
  for (const family of families)
    for (const direction of ['to', 'from'] as const) {
      const [client, server, address] =
        direction === 'to'
          ? [pods.still, pods.moved, moved[family]]
          : [pods.moved, pods.still, still[family]];
      using _server = await startTrafficServer({ netns: server.netns.path });
      using stream = new BenchTrafficClient({ netns: client.netns.path }, 'stream', address);
      const [during, beside]: [TrafficRoundResult[], TrafficRoundResult[]] = [[], []];
      await stream.round(roundMs);
      for (let round = 0; round < rounds; round++) {
        const moving = settled(sleep(roundMs / 5).then(moveOn));
        const parts = [await stream.round(roundMs)];
        while (!moving.over) parts.push(await stream.round(roundMs));
        await moving.done;
        during.push(together(parts));
        const others: TrafficRoundResult[] = [];
        for (let part = 0; part < parts.length; part++) others.push(await stream.round(roundMs));
        beside.push(together(others));
      }
      const compare = (metric: string, unit: string, of: (round: TrafficRoundResult) => number): void => {
        const peerValue = summarizeRuns(beside.map(of)).value;
        const value = summarizeRuns(during.map(of)).value;
        const ratio = peerValue === 0 ? {} : { ratio: value / peerValue };
        figure(metric, unit, during.map(of), {
          family,
          direction,
          peer: 'no-migration',
          peerValue,
          ...ratio,
        });
      };
      figure('stream_alive', 'bool', [1], { family, direction });
      compare('stream_retransmits', 'segments', ({ retransmits }) => retransmits);
      compare('stream_mbps', 'Mbit/s', ({ amount, settledSeconds }) => (amount * 8) / settledSeconds / 1e6);
    }
}

/** Wraps a promise so that `over` says synchronously whether it has settled. */
function settled(done: Promise<unknown>): { over: boolean; done: Promise<unknown> } {
  const asked = { over: false, done };
  const end = (): void => {
    asked.over = true;
  };
  done.then(end, end);
  return asked;
}

const together = (rounds: TrafficRoundResult[]): TrafficRoundResult =>
  rounds.reduce((sum, round) => ({
    amount: sum.amount + round.amount,
    seconds: sum.seconds + round.seconds,
    cpuSeconds: sum.cpuSeconds + round.cpuSeconds,
    arrived: sum.arrived + round.arrived,
    settledSeconds: sum.settledSeconds + round.settledSeconds,
    retransmits: sum.retransmits + round.retransmits,
  }));

const durationOf = (migration: Migration, name: string): number =>
  migration.steps.find((step) => step.step === name)?.durationMs ?? 0;

const withoutDrain = (migration: Migration): number =>
  migration.durationMs! - durationOf(migration, 'drained');

const [env = 'native', migrations = '20', pings = '11000'] = process.argv.slice(2);
if (env !== 'native' && env !== 'guest') throw new Error(`${env}: native or guest`);
await measure(
  createJsonLinesReporter((text) => process.stdout.write(text)),
  env,
  { ...measures[env], migrations: Number(migrations), pings: Number(pings) },
);

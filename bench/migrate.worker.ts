import { setTimeout as sleep } from 'node:timers/promises';
import { migrationSteps } from '../contract/migration.ts';
import type { Pod } from '../contract/pod.ts';
import { openTestConnection } from '../test/testbed/connection.ts';
import { startTestNode } from '../test/testbed/node.ts';
import {
  createPodMover,
  expectDone,
  families,
  type MoveOn,
  migrateWhilePinging,
  type PingPlan,
  stepDuration,
  type TellFigure,
  tellLosses,
  tellWallTime,
} from './pinged-migrations.ts';
import { findLongestTimeGap, type PingTimes } from './pings.ts';
import { type BenchReporter, createJsonLinesReporter, summarizeRuns } from './report.ts';
import { BenchTrafficClient, startTrafficServer, type TrafficRoundResult } from './traffic.ts';

const moved = { ipv4: '10.42.0.2', ipv6: 'fd00:42::2' } as const;
const still = { ipv4: '10.42.0.3', ipv6: 'fd00:42::3' } as const;

interface Measure extends PingPlan {
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

/**
 * Migrates one pod again and again on this kernel: first while it and another pod ping each other every 2 ms over
 * both families and one TCP connection between them lives on, then while a TCP stream takes all there is.
 */
async function measure(report: BenchReporter, env: keyof typeof measures, measure: Measure): Promise<void> {
  await using node = await startTestNode();
  const pods = {
    moved: await node.addPod('moved', [`${moved.ipv4}/32`, `${moved.ipv6}/128`]),
    still: await node.addPod('still', [`${still.ipv4}/32`, `${still.ipv6}/128`]),
  };
  const mover = await createPodMover(node, pods.moved);
  const moveOn: MoveOn = async () => expectDone(await mover.moveOn());
  const figure: TellFigure = (metric, unit, values, more = {}) =>
    report({
      bench: 'migrate',
      metric,
      env,
      between: mover.between,
      ...summarizeRuns(values),
      unit,
      ...more,
    });

  await underPings(pods, moveOn, measure, figure);
  await underStream(pods, moveOn, measure, figure);
}

type Pods = Record<'moved' | 'still', Pod>;

async function underPings(pods: Pods, moveOn: MoveOn, plan: PingPlan, figure: TellFigure): Promise<void> {
  using connection = await openTestConnection(pods.still.netns.path, pods.moved.netns.path, moved.ipv4);
  let alive = 1;
  const run = await migrateWhilePinging(
    [
      { netns: pods.still.netns.path, ...still },
      { netns: pods.moved.netns.path, ...moved },
    ],
    plan,
    moveOn,
  );
  await connection.carries().catch(() => {
    alive = 0;
  });

  const windows = run.pinged.map((each) => ({ from: Date.parse(each.startedAt), ms: each.durationMs! }));
  const gaps = (of: PingTimes[], moments: 'sent' | 'arrived', before: boolean): number[] =>
    windows.map(({ from, ms }) => {
      // Before: as long a time just before the migration, in which none ran.
      const start = before ? from - ms - 100 : from;
      return Math.max(...of.map((side) => findLongestTimeGap(side[moments], start, start + ms)));
    });
  tellLosses(run, plan, figure);
  for (const family of families) {
    const of = run.sides.filter((side) => side.family === family);
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
  tellWallTime(run, figure);
  for (const step of migrationSteps)
    figure(
      'step_ms',
      'ms',
      run.migrations.map((each) => stepDuration(each, step)),
      { step },
    );
}

/** Saturates each direction and family with a TCP stream, alternating rounds with a migration and without. */
async function underStream(
  pods: Pods,
  moveOn: MoveOn,
  { rounds, roundMs }: Measure,
  figure: TellFigure,
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

const [env = 'native', migrations = '20', pings = '11000'] = process.argv.slice(2);
if (env !== 'native' && env !== 'guest') throw new Error(`${env}: native or guest`);
await measure(
  createJsonLinesReporter((text) => process.stdout.write(text)),
  env,
  { ...measures[env], migrations: Number(migrations), pings: Number(pings) },
);

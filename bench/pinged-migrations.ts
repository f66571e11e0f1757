import { setTimeout as sleep } from 'node:timers/promises';
import type { DeviceKind } from '../contract/device.ts';
import type { Migration, MigrationStep } from '../contract/migration.ts';
import type { NodeInfo } from '../contract/node.ts';
import type { Pod } from '../contract/pod.ts';
import type { TestNode } from '../test/testbed/node.ts';
import { countLostPings, type PingTimes, runPings } from './pings.ts';
import { type BenchFigure, summarizeRuns } from './report.ts';

export const families = ['ipv4', 'ipv6'] as const;

/**
 * Migrates the pod to the other device kind, or to a new device of the same kind on a kernel without netkit, and waits
 * for the end, whether or not the migration is done then.
 */
export type MoveOn = () => Promise<Migration>;

/** Reports a figure of a benchmark, whose further dimensions are given already. */
export type TellFigure = (
  metric: string,
  unit: string,
  values: number[],
  more?: Partial<BenchFigure>,
) => void;

/** Path of a network namespace, and one address per family that is pinged in it. */
export interface PingEnd {
  netns: string;
  ipv4: string;
  ipv6: string;
}

export interface PingPlan {
  /** Number of pings of each of the four streams: both families, both directions. */
  pings: number;
  /** Milliseconds between two pings of a stream. */
  intervalMs: number;
  /** Real-time priority of the pingers; null on a single CPU, where other processes would then not run. */
  priority: number | null;
  migrations: number;
}

/** What two ends sent each other while a pod was migrated. */
export interface PingedMigrations {
  sides: PingTimes[];
  /** All migrations, in their order. */
  migrations: Migration[];
  /** Migrations that ended before the last ping of each stream. */
  pinged: Migration[];
}

/**
 * Prepares the migrations of a pod. @returns what migrates it once, and the kinds that it goes between, for the figures
 */
export async function createPodMover(node: TestNode, pod: Pod): Promise<{ moveOn: MoveOn; between: string }> {
  const { capabilities } = await node.ask<NodeInfo>('GET', '/node');
  const netkit = capabilities.some((each) => each.name === 'netkit' && each.available);
  let kind: DeviceKind = pod.kind;
  const moveOn: MoveOn = async () => {
    const to = netkit ? (kind === 'netkit' ? 'veth' : 'netkit') : kind;
    const migration = await node.migrate(`${pod.namespace}.${pod.name}`, to, !netkit);
    if (migration.state === 'done') kind = to;
    return migration;
  };
  return { moveOn, between: netkit ? 'netkit,veth' : kind };
}

/** Returns a migration that is done. @throws Error with what went wrong in another */
export function expectDone(migration: Migration): Migration {
  if (migration.state !== 'done') throw new Error(describeFailure(migration));
  return migration;
}

/** Formats what went wrong in a migration: its end, the step and the reason. */
export const describeFailure = ({ number, state, error }: Migration): string =>
  `migration ${number} is ${state}: ${error?.step}: ${error?.detail}`;

/**
 * Migrates a pod again and again while it and another end ping each other over both families. The migrations are spread
 * over the pings, so that each has some before and behind it.
 * @param moveOn migrates once; called with the number of migrations before
 * @throws Error of `moveOn`, or if a pinger fails
 */
export async function migrateWhilePinging(
  ends: readonly [PingEnd, PingEnd],
  { migrations, pings, intervalMs, priority }: PingPlan,
  moveOn: (index: number) => Promise<Migration>,
): Promise<PingedMigrations> {
  const [one, other] = ends;
  const pinging = families.flatMap((family) => [
    runPings(one.netns, other[family], { count: pings, intervalMs, priority }),
    runPings(other.netns, one[family], { count: pings, intervalMs, priority }),
  ]);
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
    done.push(await moveOn(i));
  }
  const sides = await pinged;
  const last = Math.min(...sides.map(({ sent }) => sent.at(-1)!));
  const isPinged = (each: Migration): boolean => Date.parse(each.startedAt) + each.durationMs! < last;
  return { sides, migrations: done, pinged: done.filter(isPinged) };
}

/** Reports the pings that were sent and lost, by family. */
export function tellLosses(
  { sides, pinged }: PingedMigrations,
  { pings, intervalMs }: PingPlan,
  figure: TellFigure,
): void {
  for (const family of families) {
    const of = sides.filter((side) => side.family === family);
    const lost = of.reduce((sum, side) => sum + countLostPings(side), 0);
    figure('sent', 'packets', [pings * of.length], { family, migrations: pinged.length, intervalMs });
    figure('lost', 'packets', [lost], { family, migrations: pinged.length });
  }
}

/** Reports what the migrations that are done took, without the time for which each watched the old device. */
export function tellWallTime({ migrations }: PingedMigrations, figure: TellFigure): void {
  const done = migrations.filter(({ state }) => state === 'done');
  figure(
    'wall_ms',
    'ms',
    done.map((each) => each.durationMs! - stepDuration(each, 'drained')),
    { withDrain: summarizeRuns(done.map((each) => each.durationMs!)).value },
  );
}

/** Returns the milliseconds that a step of a migration took; 0 if it did not run. */
export const stepDuration = (migration: Migration, name: MigrationStep): number =>
  migration.steps.find((step) => step.step === name)?.durationMs ?? 0;

import { setTimeout as sleep } from 'node:timers/promises';
import type { DeviceKind } from '../contract/device.ts';
import type { Migration } from '../contract/migration.ts';
import type { Node } from '../contract/node.ts';
import { connect } from '../test/rig/connection.ts';
import { type Pings, ping, rigNode } from '../test/rig/node.ts';
import { type Figure, jsonLines, type Report, summary } from './report.ts';

export interface Measure {
  /** `native` or `guest` */
  env: string;
  migrations: number;
  /** of each side */
  pings: number;
}

/**
 * Migrates one pod again and again on this kernel, both ways where it has netkit (else to a new device of its
 * kind), while it and another pod ping each other every 2 ms and one TCP connection between them lives on.
 */
export async function measureMigrations(report: Report, { env, migrations, pings }: Measure): Promise<void> {
  await using node = await rigNode();
  const { capabilities } = await node.ask<Node>('GET', '/node');
  const netkit = capabilities.some((each) => each.name === 'netkit' && each.available);
  const moved = await node.addPod('moved', '10.42.0.2/32');
  const still = await node.addPod('still', '10.42.0.3/32');
  using connection = await connect(still.netns.path, moved.netns.path, '10.42.0.2');

  const pinging = [ping(still.netns.path, '10.42.0.2', pings), ping(moved.netns.path, '10.42.0.3', pings)];
  // Spread over the pings, so that each migration has some before and behind it.
  const started = Date.now();
  const done: Migration[] = [];
  let kind: DeviceKind = moved.kind;
  for (let i = 0; i < migrations; i++) {
    const due = started + ((i + 0.5) * pings * 2) / (migrations + 1);
    await sleep(Math.max(0, due - Date.now()));
    kind = netkit ? (kind === 'netkit' ? 'veth' : 'netkit') : kind;
    const migration = await node.migrate('shop.moved', kind, !netkit);
    if (migration.state !== 'done')
      throw new Error(`migration ${i + 1} to ${kind}: ${migration.error?.detail}`);
    done.push(migration);
  }
  const alive = await connection.carries().then(
    () => 1,
    () => 0,
  );
  const sides = await Promise.all(pinging);
  const figure = (metric: string, unit: string, values: number[], more: Partial<Figure> = {}): void =>
    report({ bench: 'migrate', metric, unit, ...summary(values), env, ...more });

  figure('sent', 'packets', [sum(sides, (side) => side.sent)], {
    migrations,
    between: netkit ? 'netkit,veth' : kind,
  });
  figure('lost', 'packets', [sum(sides, (side) => side.lost)], { migrations });
  figure('tcp_alive', 'bool', [alive]);
  const windows = done.map((each) => ({ from: Date.parse(each.startedAt), ms: each.durationMs! }));
  const during = windows.map(({ from, ms }) => longestGap(sides, from, from + ms));
  // The same length of time just before each migration, in which none ran.
  const beside = windows.map(({ from, ms }) => longestGap(sides, from - ms - 100, from - 100));
  const peerValue = summary(beside).value;
  figure('blackout_ms', 'ms', during, {
    peer: 'no-migration',
    peerValue,
    ratio: summary(during).value / peerValue,
  });
  figure('wall_ms', 'ms', done.map(withoutDrain), {
    withDrain: summary(done.map((each) => each.durationMs!)).value,
  });
}

const sum = (sides: Pings[], of: (side: Pings) => number): number =>
  sides.reduce((all, side) => all + of(side), 0);

/** The longest time between two replies of one side, of those that reach into the window. */
function longestGap(sides: Pings[], from: number, until: number): number {
  let longest = 0;
  for (const { replies } of sides)
    for (let i = 1; i < replies.length; i++)
      if (replies[i]! >= from && replies[i - 1]! <= until)
        longest = Math.max(longest, replies[i]! - replies[i - 1]!);
  return longest;
}

const withoutDrain = (migration: Migration): number =>
  migration.durationMs! - (migration.steps.find((step) => step.step === 'drained')?.durationMs ?? 0);

if (import.meta.main) {
  const [env = 'native', migrations = '20', pings = '11000'] = process.argv.slice(2);
  const measure = { env, migrations: Number(migrations), pings: Number(pings) };
  await measureMigrations(
    jsonLines((text) => process.stdout.write(text)),
    measure,
  );
}

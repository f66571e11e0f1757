import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DeviceKind } from '../contract/device.ts';
import type { NodeInfo } from '../contract/node.ts';
import type { Pod } from '../contract/pod.ts';
import { openTestConnection } from '../test/testbed/connection.ts';
import { startTestNode, type TestNode } from '../test/testbed/node.ts';
import { fillHistoryDatabase } from './fill-history.ts';
import { type BenchReporter, createJsonLinesReporter, summarizeRuns } from './report.ts';

interface Measure {
  env: keyof typeof warmUp;
  migrations: number;
  pods: number;
}

/** Directory that the agent writes its heap snapshots to. */
const snapshots = mkdtempSync(join(tmpdir(), 'podlane-soak-'));

/**
 * Number of migrations before the first reading, which compile code, fill caches and grow the heap to its working size.
 */
const warmUp = { native: 600, guest: 40 } as const;

/** Migrates pods concurrently and compares the agent's resources before and after. */
async function measure(report: BenchReporter, { env, migrations, pods }: Measure): Promise<void> {
  process.env.NODE_OPTIONS = `--heapsnapshot-signal=SIGUSR2 --diagnostic-dir=${snapshots}`;
  await using node = await startTestNode();
  const { capabilities } = await node.ask<NodeInfo>('GET', '/node');
  const netkit = capabilities.some((each) => each.name === 'netkit' && each.available);
  const moved: Pod[] = [];
  for (let i = 0; i < pods; i++)
    moved.push(await node.addPod(`soaked-${i}`, [`10.42.0.${i + 2}/32`, `fd00:42::${i + 2}/128`]));
  const still = await node.addPod('still', '10.42.0.250/32');
  const kinds = moved.map(({ kind }) => kind);
  const migrate = async (times: number): Promise<void> => {
    await Promise.all(
      moved.map(async (pod, i) => {
        for (let time = 0; time < times; time++) {
          const to: DeviceKind = netkit ? (kinds[i] === 'netkit' ? 'veth' : 'netkit') : kinds[i]!;
          const migration = await node.migrate(pod.id, to, !netkit);
          if (migration.state !== 'done')
            throw new Error(`migration ${migration.number} ${migration.state}: ${migration.error?.detail}`);
          kinds[i] = to;
        }
      }),
    );
  };

  await migrate(2);
  await node.stopAgent();
  fillHistoryDatabase(node.database);
  await node.startAgent();
  using connection = await openTestConnection(still.netns.path, moved[0]!.netns.path, '10.42.0.2');
  await migrate(2 * Math.ceil(Math.min(warmUp[env], migrations) / pods / 2));
  const before = await take(node, [...moved, still]);
  const start = performance.now();
  // Both ways: each pod ends on the kind it began with.
  const each = 2 * Math.ceil(migrations / pods / 2);
  await migrate(each);
  const minutes = (performance.now() - start) / 60_000;
  await connection.carries();
  const after = await take(node, [...moved, still]);

  const figure = (metric: string, unit: string, value: number, more = {}): void =>
    report({ bench: 'soak', metric, env, ...summarizeRuns([value]), unit, ...more });
  figure('migrations', 'migrations', each * pods, { pods, between: netkit ? 'netkit,veth' : kinds[0] });
  figure('minutes', 'min', minutes);
  figure('tcp_alive', 'bool', 1);
  for (const [metric, { unit, value }] of Object.entries(after)) {
    const peerValue = before[metric as keyof typeof before].value;
    figure(metric, unit, value, {
      peer: 'before',
      peerValue,
      ratio: peerValue === 0 ? 1 : value / peerValue,
    });
  }
}

/** Counts the kernel objects, files and memory that migrations might leak. */
async function take(node: TestNode, pods: Pod[]) {
  // What was deleted last is let go of after a moment.
  await sleep(3000);
  const places = [node.host, ...pods.map(({ netns }) => netns.path)];
  const countOf = (...words: string[]): number =>
    places.reduce((sum, place) => sum + JSON.parse(node.run(['ip', '-j', ...words], place)).length, 0);
  const count = (value: number) => ({ unit: 'count', value });
  const kib = (value: number) => ({ unit: 'KiB', value });
  return {
    links: count(countOf('link')),
    addresses: count(countOf('address')),
    routes: count(countOf('route', 'show', 'table', 'all') + countOf('-6', 'route', 'show', 'table', 'all')),
    neighbors: count(countOf('neigh')),
    pins: count(readdirSync(node.pins, { recursive: true }).length),
    descriptors: count(readdirSync(`/proc/${node.agentPid}/fd`).length),
    threads: count(readdirSync(`/proc/${node.agentPid}/task`).length),
    'live heap': kib(await liveHeap(node.agentPid)),
    resident: kib(await leastResident(node.agentPid)),
    database: kib(statSync(node.database).size / 1024),
    'write-ahead log': kib((statSync(`${node.database}-wal`, { throwIfNoEntry: false })?.size ?? 0) / 1024),
  };
}

/**
 * What the agent's objects take once garbage is collected, KiB: V8 lets a heap grow before it does, so that resident
 * memory says little of leaks. From a heap snapshot, which collects first.
 */
async function liveHeap(pid: number): Promise<number> {
  process.kill(pid, 'SIGUSR2');
  for (let tries = 0; tries < 600; tries++) {
    await sleep(500);
    const name = readdirSync(snapshots).find((file) => file.endsWith('.heapsnapshot'));
    if (name === undefined) continue;
    const file = join(snapshots, name);
    const text = readFileSync(file, 'utf8');
    if (!text.endsWith('}\n') && !text.endsWith('}')) continue;
    rmSync(file);
    const { snapshot, nodes } = JSON.parse(text) as {
      snapshot: { meta: { node_fields: string[] } };
      nodes: number[];
    };
    const { node_fields: fields } = snapshot.meta;
    let bytes = 0;
    for (let at = fields.indexOf('self_size'); at < nodes.length; at += fields.length) bytes += nodes[at]!;
    return bytes / 1024;
  }
  throw new Error('the agent wrote no heap snapshot');
}

/** Returns the lowest of 20 readings of a process's resident memory in KiB, since garbage inflates single ones. */
async function leastResident(pid: number): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let reading = 0; reading < 20; reading++) {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    least = Math.min(least, Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]));
    await sleep(250);
  }
  return least;
}

const [env = 'native', migrations = '2000', pods = '4'] = process.argv.slice(2);
await measure(
  createJsonLinesReporter((text) => process.stdout.write(text)),
  { env: env === 'guest' ? env : 'native', migrations: Number(migrations), pods: Number(pods) },
);

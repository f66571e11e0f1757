import type { DeviceKind } from '../contract/device.ts';
import type { NodeInfo } from '../contract/node.ts';
import {
  addPods,
  countNodeObjects,
  pingUntilAborted,
  podAddress,
  runBatch,
  unreachablePods,
} from '../test/testbed/many-pods.ts';
import { startTestNode } from '../test/testbed/node.ts';
import { type BenchFigure, type BenchReporter, createJsonLinesReporter, summarizeRuns } from './report.ts';

export interface BatchMeasurementOptions {
  /** Environment of the benchmark: `native` or `guest`. */
  env: string;
  pods: number;
  /** Numbers of concurrent migrations to measure; each is a batch over all pods. */
  parallelism: readonly number[];
}

/** Number of pod pairs that ping each other every 20 ms during the benchmark. */
const pairs = 4;

/**
 * Moves all pods of a node in batches, both ways where the kernel has netkit (else to new devices of their kind),
 * and counts what was lost meanwhile and what is left over. Without the time that batches watch traffic.
 */
export async function measureMigrationBatches(
  report: BenchReporter,
  { env, pods, parallelism }: BatchMeasurementOptions,
): Promise<void> {
  await using node = await startTestNode(['--max-slots', String(2 * pods)]);
  const { capabilities } = await node.ask<NodeInfo>('GET', '/node');
  const netkit = capabilities.some((each) => each.name === 'netkit' && each.available);
  const paths = (await addPods(node, pods)).map((pod) => pod.netns.path);
  const before = await countNodeObjects(node);
  const kinds: DeviceKind[] = netkit ? ['veth', 'netkit'] : ['veth'];
  for (const atOnce of parallelism)
    for (const to of kinds) {
      const figure = (metric: string, unit: string, value: number): void =>
        report({
          bench: 'migrate-many',
          metric,
          unit,
          ...summarizeRuns([value]),
          ...({ env, pods, parallelism: atOnce, to } satisfies Partial<BenchFigure>),
        });
      const stop = new AbortController();
      const pinging = Array.from({ length: pairs }, (_, i) => {
        const [from, other] = [i, pods - 1 - i];
        return pingUntilAborted(stop.signal, paths[from]!, podAddress(other), 20);
      });
      const batch = await runBatch(node, {
        all: true,
        to,
        recreate: !netkit,
        parallelism: atOnce,
        settleMs: 0,
      });
      stop.abort();
      const sides = await Promise.all(pinging);
      if (batch.state !== 'done')
        throw new Error(`batch of ${pods} to ${to}: ${batch.state}, ${batch.reason}`);
      const ms = Date.parse(batch.endedAt!) - Date.parse(batch.startedAt);
      figure('wall_s', 's', ms / 1000);
      figure('wall_ms_per_pod', 'ms', ms / pods);
      figure('sent', 'packets', sum(sides.map((side) => side.sent)));
      figure('lost', 'packets', sum(sides.map((side) => side.lost)));
      figure('unreachable', 'pods', unreachablePods(node, pods).length);
      const after = await countNodeObjects(node);
      figure('left_over', 'objects', sum(Object.values(after)) - sum(Object.values(before)));
    }
}

const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0);

if (import.meta.main) {
  const [env = 'native', pods = '50', ...parallelism] = process.argv.slice(2);
  await measureMigrationBatches(
    createJsonLinesReporter((text) => process.stdout.write(text)),
    { env, pods: Number(pods), parallelism: parallelism.length > 0 ? parallelism.map(Number) : [8] },
  );
}

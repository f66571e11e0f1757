import { setTimeout as sleep } from 'node:timers/promises';
import { listenToStream } from '../test/testbed/stream.ts';
import { startNodeWithPods } from './many-pods-node.ts';
import { startScrapedNodeExporter } from './node-exporter.ts';
import { measureProcessUsage, type ProcessUsage } from './process-usage.ts';
import { type BenchReporter, createJsonLinesReporter, summarizeRuns } from './report.ts';

interface Measure {
  /** Path of the program of node-exporter. */
  exporter: string;
  pods: number;
  rounds: number;
  /** Length of a round in seconds. */
  seconds: number;
}

/** Seconds between attaching the pods and measuring, in which the agent reconciles what it has just got. */
const settleSeconds = 20;

async function measure(report: BenchReporter, { exporter, pods, rounds, seconds }: Measure): Promise<void> {
  await using node = await startNodeWithPods(pods);
  using peer = await startScrapedNodeExporter(exporter, node.host);
  await sleep(Math.min(settleSeconds, seconds * rounds) * 1000);
  const run = async (viewers: number): Promise<void> => {
    const ours: ProcessUsage[] = [];
    const theirs: ProcessUsage[] = [];
    for (let round = 0; round < rounds; round++) {
      const [our, their] = await measureProcessUsage([node.agentPid, peer.pid], seconds);
      ours.push(our!);
      theirs.push(their!);
    }
    for (const [metric, unit, of] of [
      ['cpu_percent', '%', ({ cpuPercent }: ProcessUsage) => cpuPercent],
      ['rss_mb', 'MB', ({ residentMb }: ProcessUsage) => residentMb],
    ] as const) {
      const our = summarizeRuns(ours.map(of));
      const peerValue = summarizeRuns(theirs.map(of)).value;
      const compared = { peer: 'node-exporter', peerValue, ratio: our.value / peerValue };
      report({ bench: 'footprint', metric, pods, viewers, ...our, unit, ...compared });
    }
  };
  await run(0);
  using _samples = await listenToStream(node, { topic: 'samples' });
  using _node = await listenToStream(node, { topic: 'node' });
  await run(1);
}

const [exporter = '', pods = '250', rounds = '6', seconds = '10'] = process.argv.slice(2);
await measure(
  createJsonLinesReporter((text) => process.stdout.write(text)),
  { exporter, pods: Number(pods), rounds: Number(rounds), seconds: Number(seconds) },
);
process.exit(0);

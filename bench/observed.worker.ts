import { setTimeout as sleep } from 'node:timers/promises';
import type { ObserveMode } from '../contract/observed-pod.ts';
import { deleteNamedNamespace, openNetworkNamespace } from '../server/kernel/netns.ts';
import { NetlinkSocket } from '../server/netlink/socket.ts';
import { startTestNode, type TestNode } from '../test/testbed/node.ts';
import { addNamespaceQuickly } from '../test/testbed/observed-pods.ts';
import { listenToStream } from '../test/testbed/stream.ts';
import { measureProcessUsage, readCpuSeconds } from './process-usage.ts';
import { type BenchReporter, createJsonLinesReporter, summarizeRuns } from './report.ts';

interface Measure {
  pods: number;
  rounds: number;
  /** Length of a round in seconds. */
  seconds: number;
}

/** Seconds between the start of an agent and measuring, in which it finds what is there. */
const settleSeconds = 20;
/** Pods a second that come and go, and how many of them live at a time. */
const churn = { perSecond: 50, alive: 25 } as const;

async function measure(report: BenchReporter, { pods, rounds, seconds }: Measure): Promise<void> {
  await using node = await startTestNode(['--max-slots', '2048', '--cni-cache', 'none']);
  using host = openNetworkNamespace(node.host);
  using socket = NetlinkSocket.inNamespace(host.fd);
  for (let i = 0; i < pods; i++)
    await addNamespaceQuickly(socket, { name: `rest-${i}`, hostEnd: `rest${i}` });

  const rest = new Map<ObserveMode, number[]>();
  for (const mode of ['off', 'statistics', 'programs'] as const) {
    await node.stopAgent();
    await node.startAgent(['--observe', mode]);
    await sleep(Math.min(settleSeconds, seconds * rounds) * 1000);
    const percents: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const [usage] = await measureProcessUsage([node.agentPid], seconds);
      percents.push(usage!.cpuPercent);
    }
    rest.set(mode, percents);
    const peerValue = summarizeRuns(rest.get('off')!).value;
    report({
      bench: 'observed',
      metric: 'cpu_percent',
      pods,
      observe: mode,
      ...summarizeRuns(percents),
      unit: '%',
      ...(mode === 'off' ? {} : { peer: 'off', peerValue }),
    });
  }
  const common = { bench: 'observed', pods, observe: 'programs' } as const;
  const times = await measureAppearance(node, socket, rounds * 10);
  report({ ...common, metric: 'appears_ms', ...summarizeRuns(times), unit: 'ms' });
  const percents = await measureChurn(node, socket, rounds, seconds);
  report({ ...common, metric: 'churn_cpu_percent', ...summarizeRuns(percents), unit: '%' });
}

/** Measures the time in ms from the moment a pod is connected until the stream brings it. */
async function measureAppearance(node: TestNode, socket: NetlinkSocket, count: number): Promise<number[]> {
  const times: number[] = [];
  using stream = await listenToStream(node, { topic: 'observed-pods' });
  for (let i = 0; i < count; i++) {
    const inode = await addNamespaceQuickly(socket, { name: `new-${i}`, hostEnd: `new${i}` });
    const begun = performance.now();
    const came = (): boolean => stream.got('observed-pod').some(({ pod }) => pod.inode === inode);
    while (!came()) await sleep(2);
    times.push(performance.now() - begun);
    deleteNamedNamespace(`new-${i}`);
    await sleep(Math.random() * 300);
  }
  return times;
}

/** Measures the CPU time of the agent in rounds in which pods come and go. */
async function measureChurn(
  node: TestNode,
  socket: NetlinkSocket,
  rounds: number,
  seconds: number,
): Promise<number[]> {
  const percents: number[] = [];
  let next = 0;
  for (let round = 0; round < rounds; round++) {
    const begun = performance.now();
    const before = readCpuSeconds(node.agentPid);
    const last = next + churn.perSecond * seconds;
    for (const first = next; next < last; next++) {
      await addNamespaceQuickly(socket, { name: `brief-${next}`, hostEnd: `brief${next}` });
      if (next >= churn.alive) deleteNamedNamespace(`brief-${next - churn.alive}`);
      const due = begun + ((next - first + 1) * 1000) / churn.perSecond;
      if (due > performance.now()) await sleep(due - performance.now());
    }
    const elapsed = (performance.now() - begun) / 1000;
    percents.push(((readCpuSeconds(node.agentPid) - before) / elapsed) * 100);
  }
  return percents;
}

const [pods = '250', rounds = '6', seconds = '10'] = process.argv.slice(2);
await measure(
  createJsonLinesReporter((text) => process.stdout.write(text)),
  { pods: Number(pods), rounds: Number(rounds), seconds: Number(seconds) },
);
process.exit(0);

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Build, BuildActivation } from '../contract/build.ts';
import { anotherBuild, SigningKey } from '../test/testbed/builds.ts';
import { addPods, pingUntilAborted, podAddress } from '../test/testbed/many-pods.ts';
import { startTestNode, type TestNode } from '../test/testbed/node.ts';
import { type BenchReporter, summarizeRuns } from './report.ts';
import type { BenchOptions } from './run.ts';

/** Interval at which the host pings each pod, in ms. */
const interval = 40;

/**
 * Puts another build in the place of ours, and back, on 200 devices at a time, each with traffic: what is lost, whether
 * a counter went back or missed a packet, and how long it takes from the first hook to the last.
 */
export async function runBench(report: BenchReporter, { quick, progress }: BenchOptions): Promise<void> {
  const pods = quick ? 20 : 200;
  const rounds = quick ? 4 : 20;
  const trust = mkdtempSync(join(tmpdir(), 'podlane-bench-trust-'));
  try {
    await using node = await startTestNode(['--max-slots', String(2 * pods), '--trust', trust]);
    progress(`${pods} pods`);
    await addPods(node, pods, 'veth');
    await node.ask<Build>('POST', '/builds', new SigningKey(trust).body(anotherBuild()));

    const stop = new AbortController();
    const pinging = Array.from({ length: pods }, (_, n) =>
      pingUntilAborted(stop.signal, node.host, podAddress(n), interval),
    );
    const watching = watch(node, stop.signal);
    await sleep(1000);
    const activations: BuildActivation[] = [];
    for (let round = 0; round < rounds; round++) {
      const { items } = await node.ask<{ items: Build[] }>('GET', '/builds');
      const next = items.find(({ active }) => !active)!;
      activations.push(await node.ask<BuildActivation>('POST', `/builds/${next.sha256}/activation`));
      await sleep(250);
    }
    stop.abort();
    const sides = await Promise.all(pinging);
    await watching.ended;
    // The next sample has all that was sent.
    await sleep(1500);
    const counted = await egressPackets(node);

    const figure = (metric: string, unit: string, values: number[]): void =>
      report({ bench: 'replace', metric, unit, ...summarizeRuns(values), devices: pods });
    const replies = sides.map(({ sent, lost }) => sent - lost);
    figure('sent', 'packets', [sum(sides.map(({ sent }) => sent))]);
    figure('lost', 'packets', [sum(sides.map(({ lost }) => lost))]);
    figure('uncounted', 'packets', [
      sum(replies.map((received, n) => Math.max(0, received - (counted.get(`many-${n}`) ?? 0)))),
    ]);
    figure('monotonic', '1 or 0', [watching.wentBack === 0 ? 1 : 0]);
    figure(
      'replaced',
      'hooks',
      activations.map(({ attachments }) => attachments.replaced),
    );
    figure(
      'wall_ms',
      'ms',
      activations.map(({ milliseconds }) => milliseconds!),
    );
  } finally {
    rmSync(trust, { recursive: true });
  }
}

/** Reads the number of packets that each pod has sent from the agent's metrics. */
async function egressPackets(node: TestNode): Promise<Map<string, number>> {
  const lines = (await node.metrics()).matchAll(
    /^podlane_pod_packets_total\{namespace="shop",pod="([^"]+)",direction="egress"\} (\d+)$/gm,
  );
  return new Map(Array.from(lines, ([, pod, packets]) => [pod!, Number(packets)]));
}

/** Polls the counters twice a second; `wentBack` counts the readings that were lower than the previous one. */
function watch(node: TestNode, signal: AbortSignal): { wentBack: number; ended: Promise<void> } {
  const watching = { wentBack: 0, ended: Promise.resolve() };
  watching.ended = (async () => {
    let before = new Map<string, number>();
    while (!signal.aborted) {
      const now = await egressPackets(node);
      for (const [pod, packets] of before) if ((now.get(pod) ?? 0) < packets) watching.wentBack += 1;
      before = now;
      await sleep(500);
    }
  })();
  return watching;
}

const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0);

import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Batch, NewBatchInput } from '../../contract/batch.ts';
import type { DeviceKind } from '../../contract/device.ts';
import type { NodeInfo } from '../../contract/node.ts';
import type { Pod } from '../../contract/pod.ts';
import type { TestNode } from './node.ts';
import { pollUntil } from './poll.ts';

/** The address of the n-th of many pods, and the host's own, from which all are reached. */
export const podAddress = (n: number): string => `10.43.${n >> 8}.${n & 255}`;
const hostAddress = '10.43.255.1';

/** Adds pods `many-0`, `many-1`, … one after the other. */
export async function addPods(node: TestNode, count: number, kind?: DeviceKind): Promise<Pod[]> {
  node.run(['ip', 'address', 'replace', `${hostAddress}/32`, 'dev', 'lo']);
  const pods: Pod[] = [];
  for (let n = 0; n < count; n++)
    pods.push(await node.addPod(`many-${n}`, `${podAddress(n)}/32`, kind ? { kind } : {}));
  return pods;
}

/** Starts a batch and waits until it is no longer running, and none of its migrations is. */
export async function runBatch(node: TestNode, wanted: NewBatchInput): Promise<Batch> {
  return waitForBatchEnd(node, (await node.ask<Batch>('POST', '/batches', wanted)).id);
}

export const waitForBatchEnd = (node: TestNode, id: string): Promise<Batch> =>
  pollUntil(
    () => node.ask<Batch>('GET', `/batches/${id}`),
    ({ state, counts }) => state !== 'running' && counts.running + counts.watched === 0,
  );

/** Addresses of the first `count` pods that do not answer the host. */
export function unreachablePods(node: TestNode, count: number): string[] {
  const each = `ping -n -c 1 -W 5 -I ${hostAddress} 10.43.$((i / 256)).$((i % 256)) > /dev/null || echo 10.43.$((i / 256)).$((i % 256))`;
  // A few at a time: each is a process.
  const all = `i=0; while [ $i -lt ${count} ]; do (${each}) & i=$((i + 1)); [ $((i % 20)) -eq 0 ] && wait; done; wait`;
  return node.run(['sh', '-c', all]).split('\n').filter(Boolean);
}

export interface NodeObjectCounts {
  devices: number;
  routes: number;
  pins: number;
  slots: number;
}

/** Counts what pods need one of, or two: devices and routes on the host, pinned links, slots. */
export async function countNodeObjects(node: TestNode): Promise<NodeObjectCounts> {
  const count = (command: string[], matches: RegExp): number =>
    node
      .run(command)
      .split('\n')
      .filter((line) => matches.test(line)).length;
  return {
    devices: count(['ip', '-o', 'link'], /^\d+: p[ln]\d+/),
    routes: count(['ip', '-o', 'route', 'show', 'table', 'main'], / dev pl\d+/),
    pins: readdirSync(join(node.pins, 'links')).length,
    slots: (await node.ask<NodeInfo>('GET', '/node')).slots.used,
  };
}

/** Pings every `intervalMs` until `signal`. Lost are those without a reply before the last that has one. */
export function pingUntilAborted(
  signal: AbortSignal,
  netns: string,
  address: string,
  intervalMs: number,
): Promise<{ sent: number; lost: number }> {
  return new Promise((resolve, reject) => {
    const args = ['-n', '-i', String(intervalMs / 1000), address];
    const child = spawn('nsenter', [`--net=${netns}`, 'ping', ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    child.on('error', reject);
    child.on('close', () => {
      const replies = new Set(
        Array.from(output.matchAll(/ icmp_seq=(\d+) .*time=/g), ([, seq]) => Number(seq)),
      );
      const sent = Math.max(0, ...replies);
      resolve({ sent, lost: sent - replies.size });
    });
    signal.addEventListener('abort', () => child.kill('SIGINT'));
  });
}

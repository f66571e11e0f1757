import { mkdtempSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import fastify from 'fastify';
import { startNodeWithPods } from './many-pods-node.ts';
import { readCpuSeconds } from './process-usage.ts';
import { type BenchReporter, createJsonLinesReporter, summarizeRuns } from './report.ts';

/** Resources of the API that pages and scrapers read regularly. */
const paths = [
  '/pods',
  '/programs',
  '/bpf-links',
  '/maps',
  '/metrics',
  '/node',
  '/rules',
  '/events',
] as const;

/** Seconds between attaching the pods and the first request; the dashboard is not opened at the same moment. */
const settleSeconds = 45;
/** Milliseconds after a first answer in which what it has started in the background is counted too. */
const backgroundMs = 1000;
/** Seconds between two rounds, so that no answer of the round before is recent enough to be given again. */
const pauseSeconds = 0.25;

/** Resolves with the time in ms until the whole answer was received. @throws Error if it is not 200 */
function measureGet(socketPath: string, path: string): Promise<number> {
  const start = performance.now();
  return new Promise((resolve, reject) => {
    request({ socketPath, path, agent: false }, (response) => {
      if (response.statusCode !== 200) reject(new Error(`GET ${path}: ${response.statusCode}`));
      response.resume();
      response.once('end', () => resolve(performance.now() - start));
    })
      .on('error', reject)
      .end();
  });
}

const percentile = (values: number[], share: number): number =>
  values.toSorted((a, b) => a - b)[Math.ceil(values.length * share) - 1]!;

async function measure(report: BenchReporter, pods: number, rounds: number): Promise<void> {
  const trivial = fastify();
  trivial.get('/', async () => ({ ok: true }));
  const trivialSocket = join(mkdtempSync(join(tmpdir(), 'podlane-api-')), 'trivial.sock');
  await trivial.listen({ path: trivialSocket });
  await using node = await startNodeWithPods(pods);
  await sleep(rounds > 3 ? settleSeconds * 1000 : 0);

  const firsts = new Map<string, { ms: number; cpuMs: number; laterCpuMs: number }>();
  for (const path of paths) {
    const before = readCpuSeconds(node.agentPid);
    const usedMs = () => (readCpuSeconds(node.agentPid) - before) * 1000;
    const ms = await measureGet(node.socket, `/api/v1${path}`);
    const cpuMs = usedMs();
    await sleep(backgroundMs);
    firsts.set(path, { ms, cpuMs, laterCpuMs: usedMs() });
  }
  const times = new Map<string, number[]>(paths.map((path) => [path, []]));
  const peers: number[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const path of paths) {
      times.get(path)!.push(await measureGet(node.socket, `/api/v1${path}`));
      peers.push(await measureGet(trivialSocket, '/'));
    }
    await sleep(pauseSeconds * 1000);
  }

  const peerValue = summarizeRuns(peers).value;
  for (const [path, values] of times) {
    const figure = (metric: string, unit: string, value: number, more = {}): void =>
      report({ bench: 'api', metric, path, pods, ...summarizeRuns(values), value, unit, ...more });
    const median = summarizeRuns(values).value;
    figure('ms', 'ms', median, { peer: 'trivial-fastify', peerValue, ratio: median / peerValue });
    figure('p99_ms', 'ms', percentile(values, 0.99));
    const { ms, cpuMs, laterCpuMs } = firsts.get(path)!;
    const first = (metric: string, value: number): void =>
      report({ bench: 'api', metric, path, pods, ...summarizeRuns([value]), unit: 'ms' });
    first('first_ms', ms);
    first('first_cpu_ms', cpuMs);
    first('first_second_cpu_ms', laterCpuMs);
  }
  await trivial.close();
}

const [pods = '1000', rounds = '50'] = process.argv.slice(2);
await measure(
  createJsonLinesReporter((text) => process.stdout.write(text)),
  Number(pods),
  Number(rounds),
);
process.exit(0);

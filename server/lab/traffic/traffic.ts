import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { ProblemError } from '../../../contract/problem.ts';
import { labFlows } from '../flows.ts';
import { type RequestCounts, countsBytes, sharedCounts } from './client.ts';
import { adjustRate } from './pace.ts';
import type { FromThread, ThreadData, ToThread } from './talk.ts';

/** One end of the traffic: a network namespace and the address it answers at. */
export interface TrafficEnd {
  app: string;
  netns: string;
  address: string;
}

export interface Traffic {
  /** What each app's clients counted since the start. */
  counts(): Record<string, RequestCounts>;
  /** Share of the full load it runs at, and what that costs, in cores. */
  load(): { rate: number; cpu: number };
  /** Settles only if a thread fails, with its error. */
  failure: Promise<never>;
  /** Stops the clients, then the servers; no request fails by it. */
  stop(): Promise<void>;
}

export interface TrafficOptions {
  /** When the ends have their addresses. The threads load meanwhile. */
  attached?: Promise<unknown>;
  /** Multiplies the load. */
  rate?: number;
  /** What it may cost, in cores. */
  budget?: number;
  /** Gives up while it starts. */
  signal?: AbortSignal;
}

/** How long the first answers may take, and the last ones, ms. */
const joinWithin = 180_000;
const hushWithin = 2500;

/**
 * Starts all traffic between `ends`, a thread for each; flows whose ends are not all there are left out.
 * @throws ProblemError when a server cannot listen, or a client is not answered within three minutes
 */
export async function startTraffic(
  ends: TrafficEnd[],
  { attached, rate: scale = 1, budget = 0.25, signal }: TrafficOptions = {},
): Promise<Traffic> {
  const threads = ends.map((end) => startThread(end, ends));
  const failure = Promise.race(threads.map((thread) => thread.failure));
  failure.catch(() => {});
  const all = async (type: FromThread['type'], ms: number, signal?: AbortSignal) => {
    await Promise.race([Promise.all(threads.map((thread) => thread.told(type, ms, signal))), failure]);
  };
  const send = (message: ToThread) => {
    for (const { worker } of threads) worker.postMessage(message);
  };
  let rate = 0.1;
  let cpu = 0;
  let pacing: NodeJS.Timeout | undefined;
  const end = async () => {
    clearInterval(pacing);
    await Promise.all(threads.map(({ worker }) => worker.terminate()));
  };

  try {
    await Promise.race([attached, failure]);
    send({ type: 'serve' });
    await all('serving', joinWithin, signal);
    send({ type: 'rate', rate: rate * scale });
    send({ type: 'ask' });
    await all('joined', joinWithin, signal);
  } catch (error) {
    await end();
    throw error;
  }
  let before = { usage: process.cpuUsage(), at: performance.now() };
  pacing = setInterval(() => {
    const used = process.cpuUsage(before.usage);
    cpu = (used.user + used.system) / 1000 / (performance.now() - before.at);
    before = { usage: process.cpuUsage(), at: performance.now() };
    rate = adjustRate(rate, cpu, budget);
    send({ type: 'rate', rate: rate * scale });
  }, 1000);

  return {
    counts: () => Object.fromEntries(threads.map(({ app, counts }) => [app, { ...counts }])),
    load: () => ({ rate: rate * scale, cpu }),
    failure,
    async stop() {
      clearInterval(pacing);
      send({ type: 'hush', withinMs: hushWithin });
      await all('hushed', hushWithin + 2000).catch(() => {});
      send({ type: 'end' });
      const ended = Promise.all(threads.map((thread) => thread.ended));
      await Promise.race([ended, new Promise((done) => setTimeout(done, 1000))]);
      await end();
    },
  };
}

function startThread(end: TrafficEnd, ends: TrafficEnd[]) {
  const memory = new SharedArrayBuffer(countsBytes);
  const workerData: ThreadData = {
    netns: end.netns,
    address: end.address,
    flows: labFlows.flatMap((flow, index) => {
      const to = ends.find(({ app }) => app === flow.to);
      return flow.from === end.app && to ? [{ ...flow, index, address: to.address }] : [];
    }),
    counts: memory,
  };
  const worker = new Worker(new URL('./thread.ts', import.meta.url), { workerData, name: end.app });
  const heard = new Set<string>();
  worker.on('message', ({ type }: FromThread) => heard.add(type));
  const ended = once(worker, 'exit');
  const failure = new Promise<never>((_, reject) => {
    worker.on('error', (cause) => {
      reject(new ProblemError('internal', `traffic of ${end.app} in ${end.netns}: ${cause}`, { cause }));
    });
  });
  failure.catch(() => {});
  const told = async (type: FromThread['type'], ms: number, stop?: AbortSignal) => {
    const signal = AbortSignal.any([AbortSignal.timeout(ms), ...(stop ? [stop] : [])]);
    try {
      while (!heard.has(type)) await once(worker, 'message', { signal });
    } catch (cause) {
      if (stop?.aborted) throw cause;
      throw new ProblemError(
        'internal',
        `traffic of ${end.app} in ${end.netns}: not ${type} after ${ms / 1000} s`,
        {
          hint: 'a pod cannot reach another: look at its routes and programs, and whether the node forwards',
          cause,
        },
      );
    }
  };
  return { app: end.app, worker, counts: sharedCounts(memory), ended, failure, told };
}

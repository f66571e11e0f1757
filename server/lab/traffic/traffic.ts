import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { ProblemError } from '../../../contract/problem.ts';
import { labFlows } from '../lab-flows.ts';
import { adjustLabLoadFactor } from './load-factor.ts';
import { openSharedRequestCounts, type RequestCounts, requestCountsSize } from './traffic-client.ts';
import type {
  LabTrafficThreadCommand,
  LabTrafficThreadData,
  LabTrafficThreadEvent,
} from './traffic-thread.ts';

/** Endpoint of the lab's traffic: a network namespace and the address of its servers. */
export interface LabTrafficEndpoint {
  app: string;
  netns: string;
  address: string;
}

export interface LabTraffic {
  /** Returns the request counts of each app's clients since the start. */
  counts(): Record<string, RequestCounts>;
  /** Returns the current load as a fraction of the full load, and the traffic's CPU usage in cores. */
  load(): { rate: number; cpu: number };
  /** Promise that rejects with the error of a traffic thread that fails; otherwise it remains pending. */
  failure: Promise<never>;
  /** Stops the clients first and the servers afterwards, so that no request fails. */
  stop(): Promise<void>;
}

export interface LabTrafficOptions {
  /** Promise that resolves when the pods have addresses; the traffic threads start up in the meantime. */
  attached?: Promise<unknown>;
  /** Factor that multiplies the load of the lab's traffic. */
  rate?: number;
  /** Maximum CPU usage of the traffic, in cores. */
  budget?: number;
  /** Signal that aborts the start of the lab's traffic. */
  signal?: AbortSignal;
}

/** Maximum time in milliseconds until every client has received its first reply. */
const joinTimeoutMs = 180_000;
const drainTimeoutMs = 2500;

/**
 * Starts the traffic between `ends`, a thread for each. Flows to or from an app that is not among `ends` are left out.
 * @throws ProblemError when a server cannot listen, or a client has no reply within three minutes
 */
export async function startLabTraffic(
  ends: LabTrafficEndpoint[],
  { attached, rate: scale = 1, budget = 0.25, signal }: LabTrafficOptions = {},
): Promise<LabTraffic> {
  const threads = ends.map((end) => startThread(end, ends));
  const failure = Promise.race(threads.map((thread) => thread.failure));
  failure.catch(() => {});
  const all = async (type: LabTrafficThreadEvent['type'], ms: number, signal?: AbortSignal) => {
    await Promise.race([Promise.all(threads.map((thread) => thread.waitFor(type, ms, signal))), failure]);
  };
  const send = (message: LabTrafficThreadCommand) => {
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
    await all('serving', joinTimeoutMs, signal);
    send({ type: 'rate', rate: rate * scale });
    send({ type: 'start' });
    await all('joined', joinTimeoutMs, signal);
  } catch (error) {
    await end();
    throw error;
  }
  let before = { usage: process.cpuUsage(), at: performance.now() };
  pacing = setInterval(() => {
    const used = process.cpuUsage(before.usage);
    cpu = (used.user + used.system) / 1000 / (performance.now() - before.at);
    before = { usage: process.cpuUsage(), at: performance.now() };
    rate = adjustLabLoadFactor(rate, cpu, budget);
    send({ type: 'rate', rate: rate * scale });
  }, 1000);

  return {
    counts: () => Object.fromEntries(threads.map(({ app, counts }) => [app, { ...counts }])),
    load: () => ({ rate: rate * scale, cpu }),
    failure,
    async stop() {
      clearInterval(pacing);
      send({ type: 'drain', timeoutMs: drainTimeoutMs });
      await all('drained', drainTimeoutMs + 2000).catch(() => {});
      send({ type: 'end' });
      const ended = Promise.all(threads.map((thread) => thread.ended));
      await Promise.race([ended, new Promise((done) => setTimeout(done, 1000))]);
      await end();
    },
  };
}

function startThread(end: LabTrafficEndpoint, ends: LabTrafficEndpoint[]) {
  const memory = new SharedArrayBuffer(requestCountsSize);
  const workerData: LabTrafficThreadData = {
    netns: end.netns,
    address: end.address,
    flows: labFlows.flatMap((flow, index) => {
      const to = ends.find(({ app }) => app === flow.to);
      return flow.from === end.app && to ? [{ ...flow, index, address: to.address }] : [];
    }),
    counts: memory,
  };
  const worker = new Worker(new URL('./traffic-thread.worker.ts', import.meta.url), {
    workerData,
    name: end.app,
  });
  const received = new Set<string>();
  worker.on('message', ({ type }: LabTrafficThreadEvent) => received.add(type));
  const ended = once(worker, 'exit');
  const failure = new Promise<never>((_, reject) => {
    worker.on('error', (cause) => {
      reject(new ProblemError('internal', `traffic of ${end.app} in ${end.netns}: ${cause}`, { cause }));
    });
  });
  failure.catch(() => {});
  const waitFor = async (type: LabTrafficThreadEvent['type'], ms: number, stop?: AbortSignal) => {
    const signal = AbortSignal.any([AbortSignal.timeout(ms), ...(stop ? [stop] : [])]);
    try {
      while (!received.has(type)) await once(worker, 'message', { signal });
    } catch (cause) {
      if (stop?.aborted) throw cause;
      throw new ProblemError(
        'internal',
        `traffic of ${end.app} in ${end.netns}: not ${type} after ${ms / 1000} s`,
        {
          hint: 'a pod cannot reach another pod: check its routes and programs, and forwarding of the node',
          cause,
        },
      );
    }
  };
  return { app: end.app, worker, counts: openSharedRequestCounts(memory), ended, failure, waitFor };
}

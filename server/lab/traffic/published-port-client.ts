import { Agent, get } from 'node:http';
import { Worker } from 'node:worker_threads';
import { openSharedRequestCounts, type RequestCounts, requestCountsSize } from './traffic-client.ts';

/** Start parameters of the thread that requests a published port. */
export interface PublishedPortThreadData {
  netns: string;
  url: string;
  requestsPerSecond: number;
  counts: SharedArrayBuffer;
}

/** Client of a port that a container runtime publishes on the node. */
export interface PublishedPortClient {
  counts(): RequestCounts;
  stop(): Promise<void>;
}

const timeoutMs = 6000;

/** Starts HTTP requests from a network namespace, each on a connection of its own, in a thread that enters it. */
export function startPublishedPortClient(data: Omit<PublishedPortThreadData, 'counts'>): PublishedPortClient {
  const counts = new SharedArrayBuffer(requestCountsSize);
  const worker = new Worker(new URL('./published-port.worker.ts', import.meta.url), {
    workerData: { ...data, counts } satisfies PublishedPortThreadData,
    name: 'published port',
  });
  const shared = openSharedRequestCounts(counts);
  return {
    counts: () => ({ ok: shared.ok, failed: shared.failed, reconnects: shared.reconnects }),
    async stop() {
      await worker.terminate();
    },
  };
}

/** Sends requests at a rate; failures count from the first answer on. */
export function requestPublishedPort({ url, requestsPerSecond, counts }: PublishedPortThreadData): void {
  const agent = new Agent({ keepAlive: false });
  const shared = openSharedRequestCounts(counts);
  setInterval(() => {
    const fail = () => {
      if (shared.ok > 0) shared.failed++;
    };
    get(url, { agent, signal: AbortSignal.timeout(timeoutMs) }, (response) => {
      response.on('error', fail);
      response.on('end', () => {
        if (response.statusCode === 200) shared.ok++;
        else fail();
      });
      response.resume();
    }).on('error', fail);
  }, 1000 / requestsPerSecond);
}

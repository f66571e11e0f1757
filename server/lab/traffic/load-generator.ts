import { setTimeout as sleep } from 'node:timers/promises';
import { computeLabFlowLoadFactor, type LabFlow, labServerPort } from '../lab-flows.ts';
import { createLabShortConnectionClient } from './short-connection-client.ts';
import { createLabTcpClient } from './tcp-client.ts';
import {
  advanceLabTrafficClock,
  type LabTrafficClient,
  type LabTrafficClientOptions,
  type RequestCounts,
} from './traffic-client.ts';
import { createLabUdpClient } from './udp-client.ts';

/** Flow with its index in `labFlows` and the address of its server. */
export type AddressedLabFlow = LabFlow & { index: number; address: string };

/** Client with its flow and the number of requests that are due; the number can have a fraction. */
interface PacedClient {
  client: LabTrafficClient;
  flow: AddressedLabFlow;
  due: number;
}

/** Runs the clients of one pod, each at the rate of its flow. */
export class LabLoadGenerator {
  /** Current load as a fraction of the full load. */
  rate = 0;
  readonly #clock = { now: 0 };
  #clients: PacedClient[] = [];
  #timer: NodeJS.Timeout | undefined;
  #running = false;

  /** Starts a client for each flow. @param joined called once, after every server has replied */
  start(flows: readonly AddressedLabFlow[], counts: RequestCounts, joined: () => void): void {
    this.#clients = flows.map((flow) => ({ flow, client: clientOf(flow, counts, this.#clock), due: 1 }));
    this.#running = true;
    const started = performance.now();
    let last = started;
    let toJoin = true;
    const tick = () => {
      if (!this.#running) return;
      const now = performance.now();
      advanceLabTrafficClock(this.#clock, now - last);
      for (const paced of this.#clients) this.#pace(paced, now - last, now - started);
      last = now;
      if (toJoin && this.#clients.every(({ client }) => client.joined)) {
        toJoin = false;
        joined();
      }
      // Runs after the poll phase that follows the timer, when replies that arrived during the sleep have been read.
      this.#timer = setTimeout(() => setImmediate(tick), this.#tickMs());
    };
    tick();
  }

  /** Stops sending requests, waits up to `timeoutMs` for pending replies, and closes the clients. */
  async drain(timeoutMs: number): Promise<void> {
    this.#running = false;
    clearTimeout(this.#timer);
    const until = performance.now() + timeoutMs;
    while (performance.now() < until && this.#clients.some(({ client }) => client.pending > 0))
      await sleep(20);
    for (const { client } of this.#clients) client.close();
  }

  /** Sends the requests that are due. @param passed ms since the last tick @param elapsed ms since the start */
  #pace(paced: PacedClient, passed: number, elapsed: number): void {
    const { client, flow } = paced;
    client.check();
    const more =
      (flow.rate * this.rate * computeLabFlowLoadFactor(flow.index, elapsed / 1000) * passed) / 1000;
    paced.due = client.joined ? Math.min(paced.due + more, dueLimit(flow)) : 1;
    while (paced.due >= 1 && client.send()) paced.due--;
  }

  /** Returns the pause between ticks in milliseconds; the pause is longer at low rates to save CPU time. */
  #tickMs(): number {
    return Math.min(200, Math.max(20, 10 / Math.max(this.rate, 0.01)));
  }
}

/** Returns the maximum number of due requests, so that a client that was blocked does not catch up in a burst. */
const dueLimit = (flow: LabFlow): number => (flow.type === 'burst' ? 1 : 4);

function clientOf(
  flow: AddressedLabFlow,
  counts: RequestCounts,
  clock: LabTrafficClientOptions['clock'],
): LabTrafficClient {
  const options: LabTrafficClientOptions = { ...flow, port: labServerPort, counts, clock };
  if (flow.type === 'tcp') return createLabTcpClient(options);
  if (flow.type === 'short') return createLabShortConnectionClient(options);
  return createLabUdpClient(options, { burst: flow.type === 'burst' });
}

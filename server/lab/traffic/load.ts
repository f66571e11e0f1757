import { setTimeout as sleep } from 'node:timers/promises';
import { type Flow, serverPort, loadFactor } from '../flows.ts';
import { advanceClock, type TrafficClient, type ClientOptions, type RequestCounts } from './client.ts';
import { shortClient } from './short.ts';
import { tcpClient } from './tcp.ts';
import { udpClient } from './udp.ts';

/** A flow of the table, its place in it, and where its server answers. */
export type AddressedFlow = Flow & { index: number; address: string };

/** A client with its flow and the requests that are due, in parts. */
interface Asking {
  client: TrafficClient;
  flow: AddressedFlow;
  due: number;
}

/** The clients of one pod, each asking at its flow's rate. */
export class LoadGenerator {
  /** Share of the full load. */
  rate = 0;
  readonly #clock = { now: 0 };
  #asking: Asking[] = [];
  #timer: NodeJS.Timeout | undefined;
  #running = false;

  /** @param joined is called once, when every server has answered */
  start(flows: readonly AddressedFlow[], counts: RequestCounts, joined: () => void): void {
    this.#asking = flows.map((flow) => ({ flow, client: clientOf(flow, counts, this.#clock), due: 1 }));
    this.#running = true;
    const started = performance.now();
    let last = started;
    let toJoin = true;
    const tick = () => {
      if (!this.#running) return;
      const now = performance.now();
      advanceClock(this.#clock, now - last);
      for (const asking of this.#asking) this.#pace(asking, now - last, now - started);
      last = now;
      if (toJoin && this.#asking.every(({ client }) => client.joined)) {
        toJoin = false;
        joined();
      }
      // After the poll phase that follows the timer: what arrived while this thread slept is in by then.
      this.#timer = setTimeout(() => setImmediate(tick), this.#tickMs());
    };
    tick();
  }

  /** Asks no more, gives what is under way `withinMs` to be answered, and closes the clients. */
  async hush(withinMs: number): Promise<void> {
    this.#running = false;
    clearTimeout(this.#timer);
    const until = performance.now() + withinMs;
    while (performance.now() < until && this.#asking.some(({ client }) => client.pending > 0))
      await sleep(20);
    for (const { client } of this.#asking) client.close();
  }

  /** @param passed since the last time, @param elapsed since the start, ms */
  #pace(asking: Asking, passed: number, elapsed: number): void {
    const { client, flow } = asking;
    client.check();
    const more = (flow.rate * this.rate * loadFactor(flow.index, elapsed / 1000) * passed) / 1000;
    asking.due = client.joined ? Math.min(asking.due + more, dueLimit(flow)) : 1;
    while (asking.due >= 1 && client.send()) asking.due--;
  }

  /** Seldom where little is asked: waking up is work too. */
  #tickMs(): number {
    return Math.min(200, Math.max(20, 10 / Math.max(this.rate, 0.01)));
  }
}

/** Requests that may be due at once: a client that waited for room, or a late tick, does not catch up later. */
const dueLimit = (flow: Flow): number => (flow.type === 'burst' ? 1 : 4);

function clientOf(flow: AddressedFlow, counts: RequestCounts, clock: ClientOptions['clock']): TrafficClient {
  const options: ClientOptions = { ...flow, port: serverPort, counts, clock };
  if (flow.type === 'tcp') return tcpClient(options);
  if (flow.type === 'short') return shortClient(options);
  return udpClient(options, { burst: flow.type === 'burst' });
}

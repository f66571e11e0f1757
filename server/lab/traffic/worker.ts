import { parentPort, workerData } from 'node:worker_threads';
import { type Flow, port, wave } from '../flows.ts';
import { advance, type Client, type ClientOptions, countsIn } from './client.ts';
import { enterNetns } from './enter.ts';
import { serve } from './servers.ts';
import { shortClient } from './short.ts';
import { tcpClient } from './tcp.ts';
import { udpClient } from './udp.ts';

/** What a thread gets when it starts. `flows` are those its pod is the client of. */
export interface WorkerData {
  netns: string;
  address: string;
  flows: (Flow & { index: number; address: string })[];
  counts: SharedArrayBuffer;
}

/** `serve`: start the servers. `ask`: start the clients. `rate`: share of the full load. `hush`: let the clients finish. `end`: stop. */
export type ToWorker =
  | { type: 'serve' | 'ask' }
  | { type: 'rate'; rate: number }
  | { type: 'hush'; withinMs: number }
  | { type: 'end' };

/** `serving`: servers listen. `joined`: every client was answered. `hushed`: no client has a socket any more. */
export type FromWorker = { type: 'serving' | 'joined' | 'hushed' };

const { netns, address, flows, counts: memory } = workerData as WorkerData;
const main = parentPort!;
const tell = (type: FromWorker['type']) => main.postMessage({ type } satisfies FromWorker);

// First of all: every socket this thread makes from now on belongs to the pod.
enterNetns(netns);

const counts = countsIn(memory);
const clock = { now: 0 };
let rate = 0;
let asking: { client: Client; flow: WorkerData['flows'][number]; due: number }[] = [];
let timer: NodeJS.Timeout | undefined;
let stopServers = () => {};

main.on('message', async (message: ToWorker) => {
  if (message.type === 'serve') {
    stopServers = await serve(address, port);
    tell('serving');
  } else if (message.type === 'rate') rate = message.rate;
  else if (message.type === 'ask') startAsking();
  else if (message.type === 'hush') await hush(message.withinMs);
  else {
    stopServers();
    main.close();
  }
});
function startAsking() {
  asking = flows.map((flow) => ({ flow, client: clientOf(flow), due: 1 }));
  let last = performance.now();
  let joined = false;
  const started = last;
  // The work is done after the poll phase that follows the timer: what arrived while this thread slept is in.
  const tick = () => {
    const now = performance.now();
    advance(clock, now - last);
    for (const entry of asking) pace(entry, now - last, now - started);
    last = now;
    if (!joined && asking.every(({ client }) => client.joined)) {
      joined = true;
      tell('joined');
    }
    timer = setTimeout(() => setImmediate(tick), tickMs());
  };
  tick();
}

function clientOf(flow: WorkerData['flows'][number]): Client {
  const options: ClientOptions = { ...flow, port, counts, clock };
  if (flow.type === 'tcp') return tcpClient(options);
  if (flow.type === 'short') return shortClient(options);
  return udpClient(options, { burst: flow.type === 'burst' });
}

function pace(entry: (typeof asking)[number], passed: number, elapsed: number) {
  const { client, flow } = entry;
  client.check();
  // A client that waits for room does not catch up later: at most one request too many.
  entry.due = client.joined
    ? Math.min(
        entry.due + (flow.rate * rate * wave(flow.index, elapsed / 1000) * passed) / 1000,
        dueLimit(flow),
      )
    : 1;
  while (entry.due >= 1 && client.send()) entry.due--;
}

/** Requests that may be due at once, after a tick that came late. */
const dueLimit = (flow: Flow) => (flow.type === 'burst' ? 1 : 4);

/** Seldom where little is asked: waking up is work too. */
const tickMs = () => Math.min(200, Math.max(20, 10 / Math.max(rate, 0.01)));

async function hush(withinMs: number) {
  const clients = asking;
  asking = [];
  clearTimeout(timer);
  const until = performance.now() + withinMs;
  while (performance.now() < until && clients.some(({ client }) => client.pending > 0)) {
    await new Promise((done) => setTimeout(done, 20));
    for (const { client } of clients) client.check();
  }
  for (const { client } of clients) client.close();
  tell('hushed');
}

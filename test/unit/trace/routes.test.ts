import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import type { ServerMessage } from '../../../contract/stream-messages.ts';
import type { Trace } from '../../../contract/trace.ts';
import { buildApiApp } from '../../../server/http/app.ts';
import { StreamServer } from '../../../server/stream/stream-server.ts';
import { fakeAgent } from '../http/fake-agent.ts';
import { traceEvent, verdictEvent } from './event-fixtures.ts';
import { udp } from './packet-fixtures.ts';

async function scratch() {
  const scratch = await fakeAgent();
  const app = await buildApiApp(scratch.agent, { version: '0' });
  onTestFinished(() => app.close());
  scratch.pods.add('cart');
  return { ...scratch, app };
}

/** A client of the stream, and what it got. */
async function join(agent: Awaited<ReturnType<typeof fakeAgent>>['agent']) {
  const stream = new StreamServer(agent);
  const server = createServer();
  stream.serve(server);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    const closed = stream.close();
    server.closeAllConnections();
    server.close();
    await closed;
  });
  const socket = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/api/v1/stream`);
  onTestFinished(() => socket.terminate());
  const messages: ServerMessage[] = [];
  socket.on('message', (data: Buffer) => messages.push(JSON.parse(String(data))));
  await once(socket, 'open');
  const got = <T extends ServerMessage['type']>(type: T) =>
    messages.filter((message): message is Extract<ServerMessage, { type: T }> => message.type === type);
  let id = 0;
  const say = async (message: object) => {
    id += 1;
    socket.send(JSON.stringify({ id, ...message }));
    await vi.waitFor(() => expect(got('ack').at(-1)?.id).toBe(id));
  };
  return { say, got, socket };
}

test('verdicts are listed, filtered, and exported one per line', async () => {
  const { app, kernel } = await scratch();
  kernel.publishVerdicts([verdictEvent(), verdictEvent({ destinationPort: 443 }), verdictEvent()]);
  const list = (await app.inject('/api/v1/verdicts?port=80&limit=1')).json();
  expect(list).toMatchObject({ items: [{ id: 2 }], next: '2', size: 3, losses: { rateLimited: 0 } });
  const rest = (await app.inject(`/api/v1/verdicts?port=80&limit=1&before=${list.next}`)).json();
  expect(rest).toMatchObject({ items: [{ id: 0, destination: { port: 80 } }], next: null });
  const exported = await app.inject('/api/v1/verdicts/export?verdict=dropped&address=192.0.2.0/24');
  expect(exported.headers['content-type']).toBe('application/x-ndjson');
  const lines = exported.body.split('\n').filter((line) => line !== '');
  expect(lines.map((line) => JSON.parse(line).id)).toEqual([0, 1, 2]);
  const none = await app.inject('/api/v1/verdicts/export?verdict=logged');
  expect([none.statusCode, none.body]).toEqual([200, '']);
});

test.each(['address=300.1.1.1', 'port=70000', 'verdict=lost', 'before=x', 'limit=501'])(
  'a filter that cannot be meant is refused: %s',
  async (query) => {
    const { app } = await scratch();
    const answer = await app.inject(`/api/v1/verdicts?${query}`);
    expect([answer.statusCode, answer.json().code]).toEqual([400, 'bad_request']);
  },
);

test('a subscriber of verdicts receives new ones that match its last filter', async () => {
  const { agent, kernel } = await scratch();
  const { say, got } = await join(agent);
  kernel.publishVerdicts([verdictEvent()]);
  await say({ type: 'subscribe', topic: 'verdicts' });
  kernel.publishVerdicts([verdictEvent()]);
  await vi.waitFor(() => expect(got('verdicts')).toMatchObject([{ items: [{ id: 1 }], missed: 0 }]));
  await say({ type: 'subscribe', topic: 'verdicts', filter: { port: 443 } });
  kernel.publishVerdicts([verdictEvent(), verdictEvent({ destinationPort: 443 })]);
  await vi.waitFor(() => expect(got('verdicts').at(-1)).toMatchObject({ items: [{ id: 3 }] }));
  expect(got('verdicts')).toHaveLength(2);
  await say({ type: 'unsubscribe', topic: 'verdicts' });
});

test('a trace sets the programs’ filters, reports their observations, and removes the filters', async () => {
  const { app, agent, kernel } = await scratch();
  const body = { pod: 'shop.cart', protocol: 'udp', port: 53, packets: 10 };
  const headers = { 'x-podlane-actor': 'ada' };
  const answer = await app.inject({ method: 'POST', url: '/api/v1/traces', headers, body });
  expect([answer.statusCode, kernel.traceFilters]).toEqual([
    201,
    [{ id: 1, address: '10.42.0.1', port: 53, protocol: 17 }],
  ]);
  const trace = answer.json<Trace>();
  expect(trace).toMatchObject({
    state: 'running',
    actor: 'ada',
    filter: { protocol: 'udp', port: 53 },
    pod: { name: 'cart' },
    kernelDrops: { available: false, detail: 'the kernel was not probed' },
  });
  const { say, got } = await join(agent);
  await say({ type: 'subscribe', topic: 'trace', trace: trace.id });
  const query = { source: '10.42.0.1', destination: '192.0.2.53', protocol: 17, payload: udp(999, 53) };
  kernel.publishTraces([
    traceEvent(query, { verdict: 'dropped', reason: 'spoofed_source' }),
    traceEvent({ ...query, source: '10.42.0.99' }),
  ]);
  await vi.waitFor(() =>
    expect(got('trace').at(-1)).toMatchObject({ items: [{ outcome: 'dropped' }], trace: { seen: 1 } }),
  );
  const ended = await app.inject({ method: 'DELETE', url: `/api/v1/traces/${trace.id}` });
  expect(ended.json()).toMatchObject({ state: 'ended', ended: 'stopped', seen: 1, items: [{ number: 1 }] });
  expect(kernel.traceFilters).toEqual([]);
  expect((await app.inject('/api/v1/traces')).json()).toMatchObject({
    items: [{ id: trace.id }],
    next: null,
  });
});

test('a trace ends when its last watcher has left', async () => {
  const { app, agent, kernel } = await scratch();
  const { id } = (
    await app.inject({ method: 'POST', url: '/api/v1/traces', body: { pod: 'shop.cart' } })
  ).json();
  const { say, socket } = await join(agent);
  await say({ type: 'subscribe', topic: 'trace', trace: id });
  socket.close();
  await vi.waitFor(async () => expect(agent.traces.get(id).ended).toBe('abandoned'), { timeout: 6000 });
  expect(kernel.traceFilters).toEqual([]);
});

test('an invalid trace is refused without setting filters', async () => {
  const { app, kernel } = await scratch();
  const post = (body: object) => app.inject({ method: 'POST', url: '/api/v1/traces', body });
  expect((await post({ pod: 'shop.none' })).json().code).toBe('pod_not_found');
  expect((await post({ pod: 'shop.cart', family: 6 })).json().code).toBe('unprocessable');
  for (const bad of [{ port: 80, protocol: 'icmp' }, { address: '10.0.0.1', family: 6 }, { packets: 1001 }])
    expect((await post({ pod: 'shop.cart', ...bad })).json().code).toBe('bad_request');
  expect(kernel.traceFilters).toEqual([]);
  const viewer = { 'x-podlane-role': 'viewer' };
  const refused = await app.inject({
    method: 'POST',
    url: '/api/v1/traces',
    headers: viewer,
    body: { pod: 'shop.cart' },
  });
  expect(refused.json().code).toBe('forbidden');
  const capture = await app.inject({ url: '/api/v1/pods/shop.cart/capture', headers: viewer });
  expect(capture.json().code).toBe('forbidden');
  expect((await app.inject({ url: '/api/v1/verdicts', headers: viewer })).statusCode).toBe(200);
});

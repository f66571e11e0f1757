import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { expect, onTestFinished, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import type { AgentEvent } from '../../../contract/agent-event.ts';
import { sampleFrameColumns } from '../../../contract/sample-frame.ts';
import type { ServerMessage } from '../../../contract/stream-messages.ts';
import { slotCounterCount } from '../../../server/bpf/counter-layout.ts';
import type { CounterSample } from '../../../server/counters/sample.ts';
import { requireBearerToken } from '../../../server/http/bearer-token.ts';
import { encodeSampleFrame } from '../../../server/stream/encode-sample-frame.ts';
import { StreamServer } from '../../../server/stream/stream-server.ts';
import { member, newBatch } from '../batch/records.ts';
import { fakeAgent } from '../http/fake-agent.ts';

async function openStream({ token, heartbeatMs }: { token?: string; heartbeatMs?: number } = {}) {
  const fake = await fakeAgent();
  const stream = new StreamServer(fake.agent, heartbeatMs);
  const server = createServer();
  stream.serve(server, token === undefined ? undefined : requireBearerToken(token));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    const closed = stream.close();
    server.closeAllConnections();
    server.close();
    await closed;
  });
  const { port } = server.address() as AddressInfo;
  return { ...fake, stream, port, url: `ws://127.0.0.1:${port}/api/v1/stream` };
}

/** A client that keeps what it gets, in order: messages parsed, frames as they came. */
async function join(url: string, headers: Record<string, string> = {}) {
  const socket = new WebSocket(url, { headers });
  onTestFinished(() => socket.terminate());
  const messages: ServerMessage[] = [];
  const frames: Buffer[] = [];
  socket.on('message', (data: Buffer, isBinary) => {
    if (isBinary) frames.push(data);
    else messages.push(JSON.parse(String(data)));
  });
  await once(socket, 'open');
  const say = (message: unknown) => socket.send(JSON.stringify(message));
  const got = <T extends ServerMessage['type']>(type: T) =>
    messages.filter((message): message is Extract<ServerMessage, { type: T }> => message.type === type);
  const until = (type: ServerMessage['type'], count = 1) =>
    vi.waitFor(() => expect(got(type).length).toBeGreaterThanOrEqual(count), { timeout: 5000, interval: 5 });
  await until('hello');
  return { socket, messages, frames, say, got, until };
}

const event = (message: string): AgentEvent => ({
  id: 1,
  time: new Date(0).toISOString(),
  type: 'drift',
  severity: 'info',
  podId: null,
  migrationId: null,
  message,
});

/** A sample of pods whose counters are zero. */
const sampleOf = (sequence: number, pods = 1): CounterSample => ({
  scope: 'all',
  sequence: BigInt(sequence),
  realtimeNs: 0n,
  monotonicNs: 0n,
  pods: Array.from({ length: pods }, (_, slot) => ({
    pod: slot + 1,
    slot,
    kind: 'veth' as const,
    counters: new BigUint64Array(slotCounterCount),
    requests: null,
  })),
});

test('changes of a batch and its pods are published', async () => {
  const { batches, url } = await openStream();
  const client = await join(url);
  client.say({ id: 1, type: 'subscribe', topic: 'batches' });
  await client.until('ack');
  const { pods, ...summary } = newBatch('b', [member('cart')]);
  batches.emit('pod', 'b', pods[0]!);
  batches.emit('batch', summary);
  await client.until('batch');
  expect(client.got('batch-pod')).toMatchObject([{ batchId: 'b', pod: { name: 'cart' } }]);
  expect(client.got('batch')).toEqual([{ type: 'batch', batch: summary }]);
});

test('a client is greeted, and receives the topics that it subscribes to until it unsubscribes', async () => {
  const { pods, sampler, url } = await openStream();
  const [latest, next] = [sampleOf(1), sampleOf(2)];
  sampler.latest = latest;
  const client = await join(url);
  expect(client.got('hello')).toMatchObject([{ api: 'v1', bootId: 'b', columns: [...sampleFrameColumns] }]);
  pods.emit('event', event('before'));
  for (const [id, topic] of ['samples', 'pods', 'migrations', 'events'].entries())
    client.say({ id, type: 'subscribe', topic });
  await client.until('ack', 4);
  expect(client.frames).toEqual([Buffer.from(encodeSampleFrame(latest))]);

  sampler.emit('sample', next);
  pods.emit('pod', pods.add('cart'));
  pods.emit('pod-removed', 'id-cart');
  pods.emit('event', event('during'));
  await client.until('event');
  expect(client.frames.at(-1)).toEqual(Buffer.from(encodeSampleFrame(next)));
  expect(client.got('pod')).toMatchObject([{ pod: { id: 'id-cart' } }]);
  expect(client.got('pod-removed')).toEqual([{ type: 'pod-removed', id: 'id-cart' }]);
  expect(client.got('event')).toMatchObject([{ event: { message: 'during' } }]);

  client.say({ id: 9, type: 'unsubscribe', topic: 'events' });
  await client.until('ack', 5);
  pods.emit('event', event('after'));
  pods.emit('pod-removed', 'id-x');
  await client.until('pod-removed', 2);
  expect(client.got('event')).toHaveLength(1);
});

test('a pod is sampled at the rate of a watcher, by id or name, only while there is one', async () => {
  const { pods, sampler, url } = await openStream();
  const watched = sampleOf(7);
  pods.add('cart');
  const client = await join(url);
  client.say({ id: 1, type: 'subscribe', topic: 'pod', pod: 'shop.cart', hz: 5 });
  await client.until('ack');
  expect(sampler.watches.get('id-cart')?.hz).toBe(5);
  sampler.watches.get('id-cart')?.listener(watched);
  await vi.waitFor(() => expect(client.frames).toEqual([Buffer.from(encodeSampleFrame(watched))]));
  client.say({ id: 2, type: 'unsubscribe', topic: 'pod', pod: 'id-cart' });
  await client.until('ack', 2);
  expect(sampler.watches.size).toBe(0);

  client.say({ id: 3, type: 'subscribe', topic: 'pod', pod: 'id-cart' });
  await client.until('ack', 3);
  expect(sampler.watches.get('id-cart')?.hz).toBe(10);
  client.socket.terminate();
  await vi.waitFor(() => expect(sampler.watches.size).toBe(0));
});

test('an invalid message is answered with the reason, and the stream goes on', async () => {
  const { url } = await openStream();
  const client = await join(url);
  const bad: [string | Buffer, number | null, string][] = [
    ['not json', null, 'bad_request'],
    ['null', null, 'bad_request'],
    ['[]', null, 'bad_request'],
    [Buffer.of(1, 2, 3), null, 'bad_request'],
    ['{"id":5,"type":"subscribe","topic":"everything"}', 5, 'bad_request'],
    ['{"id":6,"type":"subscribe","topic":"pod","pod":"shop.none","hz":1}', 6, 'pod_not_found'],
    ['{"id":7,"type":"subscribe","topic":"pod","pod":"shop.none","hz":11}', 7, 'bad_request'],
    ['{"id":8,"type":"subscribe","topic":"samples","more":1}', 8, 'bad_request'],
    ['{"id":1.5,"type":"subscribe","topic":"samples"}', null, 'bad_request'],
  ];
  for (const [message] of bad) client.socket.send(message);
  await client.until('error', bad.length);
  expect(client.got('error').map(({ id, problem }) => [id, problem.code])).toEqual(
    bad.map(([, id, code]) => [id, code]),
  );
  client.say({ id: 9, type: 'subscribe', topic: 'samples' });
  await client.until('ack');
});

test('a message of more than 64 KiB closes only that client', async () => {
  const { url } = await openStream();
  const [big, other] = [await join(url), await join(url)];
  big.socket.send('x'.repeat((64 << 10) + 1));
  const [code] = await once(big.socket, 'close');
  expect(code).toBe(1009);
  other.say({ id: 1, type: 'subscribe', topic: 'samples' });
  await other.until('ack');
});

/** The socket under a client: paused, it takes no more bytes and the agent’s buffers fill. */
const wire = (socket: WebSocket) => (socket as unknown as { _socket: Socket })._socket;

test('a slow client skips samples and receives their number; the others receive all of them', {
  timeout: 30_000,
}, async () => {
  const { sampler, url } = await openStream();
  const [slow, quick] = [await join(url), await join(url)];
  for (const client of [slow, quick]) {
    client.say({ id: 1, type: 'subscribe', topic: 'samples' });
    await client.until('ack');
  }
  wire(slow.socket).pause();
  const sent = 200;
  const podsOf100kB = Math.ceil(100_000 / (sampleFrameColumns.length * 8));
  const last = sampleOf(255);
  for (let i = 0; i < sent; i++) {
    sampler.emit('sample', sampleOf(i, podsOf100kB));
    await vi.waitFor(() => expect(quick.frames).toHaveLength(i + 1), { interval: 1 });
  }
  expect(process.memoryUsage().arrayBuffers).toBeLessThan(100 << 20);
  wire(slow.socket).resume();
  const late = vi.waitFor(
    () => {
      sampler.emit('sample', last);
      expect(slow.got('skipped')).toHaveLength(1);
    },
    { timeout: 5000, interval: 20 },
  );
  await late;
  const taken = slow.frames.filter(({ length }) => length > encodeSampleFrame(last).length).length;
  const count = slow.got('skipped')[0]!.count;
  expect(taken).toBeLessThan(sent);
  expect(taken + count).toBeGreaterThanOrEqual(sent);
  expect(quick.got('skipped')).toEqual([]);
});

test('a client that does not even read messages is closed with 1013', async () => {
  const { pods, url } = await openStream();
  const stalled = await join(url);
  stalled.say({ id: 1, type: 'subscribe', topic: 'events' });
  await stalled.until('ack');
  wire(stalled.socket).pause();
  for (let i = 0; i < 400; i++) {
    pods.emit('event', event('x'.repeat(50_000)));
    if (i % 20 === 0) await new Promise(setImmediate);
  }
  wire(stalled.socket).resume();
  const [code] = await once(stalled.socket, 'close');
  expect(code).toBe(1013);
  expect(stalled.got('event').length).toBeLessThan(400);
});

test('a client that does not answer a ping is disconnected', async () => {
  const { url } = await openStream({ heartbeatMs: 50 });
  const [dead, alive] = [new WebSocket(url, { autoPong: false }), await join(url)];
  await once(dead, 'close');
  expect(alive.socket.readyState).toBe(WebSocket.OPEN);
});

test('an upgrade without the token or to another path is rejected', async () => {
  const { url, port } = await openStream({ token: '0123456789abcdef' });
  const refused = async (target: string, headers: Record<string, string>) => {
    const socket = new WebSocket(target, { headers });
    const [, answer] = await once(socket, 'unexpected-response');
    let body = '';
    for await (const chunk of answer) body += chunk;
    return [answer.statusCode, JSON.parse(body).code];
  };
  const headers = { authorization: 'Bearer 0123456789abcdef' };
  expect(await refused(url, {})).toEqual([401, 'unauthorized']);
  expect(await refused(url, { authorization: 'Bearer x' })).toEqual([401, 'unauthorized']);
  expect(await refused(`ws://127.0.0.1:${port}/other`, headers)).toEqual([404, 'not_found']);
  await join(url, headers);
});

test('malformed bytes close only the connection that sent them', async () => {
  const { url, port } = await openStream();
  const client = await join(url);
  for (const bytes of [
    'GET /api/v1/stream HTTP/1.1\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n',
    '\0\0\0',
  ])
    await new Promise((resolve) =>
      connect(port, '127.0.0.1')
        .on('close', resolve)
        .on('error', () => {})
        .end(bytes)
        .resume(),
    );
  wire(client.socket).write(Buffer.of(0xff, 0xff, 0xff, 0xff));
  await once(client.socket, 'close');
  await join(url);
});

test('clients are closed with 1001 when the agent stops', async () => {
  const { stream, url } = await openStream();
  const client = await join(url);
  const closed = stream.close();
  const [code] = await once(client.socket, 'close');
  await closed;
  expect(code).toBe(1001);
});

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  createLiveConnection,
  type LiveConnectionStatus,
  type MinimalWebSocket,
} from '../../../app/_lib/live-connection.ts';
import type { ServerMessage } from '../../../contract/stream-messages.ts';

/** Fake WebSocket that records what is sent and delivers given messages. */
class Wire implements MinimalWebSocket {
  binaryType = '';
  onopen: MinimalWebSocket['onopen'] = null;
  onclose: MinimalWebSocket['onclose'] = null;
  onerror: MinimalWebSocket['onerror'] = null;
  onmessage: MinimalWebSocket['onmessage'] = null;
  heard: { id: number; type: string; topic: string; pod?: string; hz?: number }[] = [];
  closed = false;
  answers = true;
  send(text: string): void {
    const message = JSON.parse(text);
    this.heard.push(message);
    if (this.answers) this.say({ type: 'ack', id: message.id });
  }
  close(): void {
    this.closed = true;
    this.onclose?.();
  }
  say(message: ServerMessage): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }
  hello(): void {
    this.say({ type: 'hello', api: '1', columns: [], startedAt: '2026-11-22T00:00:00Z', bootId: 'b' });
  }
  topics(): string[] {
    return this.heard.map(({ type, topic }) => `${type} ${topic}`);
  }
}

function open(reason: LiveConnectionStatus['reason'] = 'agent') {
  const wires: Wire[] = [];
  const stream = createLiveConnection({
    open: () => {
      const wire = new Wire();
      wires.push(wire);
      return wire;
    },
    probe: async () => reason,
    random: () => 0,
  });
  return { stream, wires, last: () => wires.at(-1)! };
}

beforeEach(() => vi.useFakeTimers({ now: 1_000_000 }));
afterEach(() => vi.useRealTimers());

test('nothing is opened before the first subscription, and one connection serves all', () => {
  const { stream, wires } = open();
  expect(wires).toHaveLength(0);
  stream.subscribe({ topic: 'samples' });
  stream.subscribe({ topic: 'node' });
  expect(wires).toHaveLength(1);
});

test('it subscribes after the agent’s hello', () => {
  const { stream, last } = open();
  stream.subscribe({ topic: 'samples' });
  expect(stream.status.state).toBe('connecting');
  expect(last().heard).toEqual([]);
  last().hello();
  expect(stream.status.state).toBe('connected');
  expect(last().topics()).toEqual(['subscribe samples']);
});

test('the agent gets a subscription for the first subscriber of a topic, and an end for the last', () => {
  const { stream, last } = open();
  const first = stream.subscribe({ topic: 'pods' });
  last().hello();
  const second = stream.subscribe({ topic: 'pods' });
  first();
  first();
  expect(last().topics()).toEqual(['subscribe pods']);
  second();
  expect(last().topics()).toEqual(['subscribe pods', 'unsubscribe pods']);
});

test('two pods are two topics', () => {
  const { stream, last } = open();
  stream.subscribe({ topic: 'pod', pod: 'a', hz: 10 });
  stream.subscribe({ topic: 'pod', pod: 'b', hz: 2 });
  last().hello();
  expect(last().heard.map(({ pod, hz }) => [pod, hz])).toEqual([
    ['a', 10],
    ['b', 2],
  ]);
});

test('a refused subscription is reported to its subscriber', () => {
  const { stream, last } = open();
  const problems: string[] = [];
  stream.subscribe({ topic: 'pod', pod: 'gone', hz: 10 }, ({ code }) => problems.push(code));
  const wire = last();
  wire.answers = false;
  wire.hello();
  wire.say({
    type: 'error',
    id: wire.heard[0]!.id,
    problem: {
      type: 'about:podlane/pod_not_found',
      title: '',
      status: 404,
      code: 'pod_not_found',
      detail: '',
    },
  });
  expect(problems).toEqual(['pod_not_found']);
});

describe('after the connection is lost', () => {
  test('it reconnects after 0.5, 1, 2, 4, 5 and 5 seconds', () => {
    const { stream, wires, last } = open();
    stream.subscribe({ topic: 'samples' });
    last().hello();
    last().onclose?.();
    const delays: number[] = [];
    for (let i = 0; i < 6; i++) {
      const before = wires.length;
      const from = Date.now();
      expect(stream.status).toMatchObject({ state: 'lost', since: 1_000_000 });
      vi.advanceTimersToNextTimer();
      expect(wires).toHaveLength(before + 1);
      delays.push(Date.now() - from);
      last().onclose?.();
    }
    expect(delays).toEqual([500, 1000, 2000, 4000, 5000, 5000]);
  });

  test('it subscribes again to topics that still have subscribers', () => {
    const { stream, last } = open();
    stream.subscribe({ topic: 'samples' });
    const release = stream.subscribe({ topic: 'pods' });
    last().hello();
    last().onclose?.();
    release();
    vi.advanceTimersByTime(500);
    last().hello();
    expect(last().topics()).toEqual(['subscribe samples']);
    expect(stream.status).toMatchObject({ state: 'connected', nextTryAt: null, reason: null });
  });

  test('retryNow reconnects at once, and only once', () => {
    const { stream, wires, last } = open();
    stream.subscribe({ topic: 'samples' });
    last().onclose?.();
    expect(stream.status.nextTryAt).toBe(1_000_500);
    stream.retryNow();
    stream.retryNow();
    expect(wires).toHaveLength(2);
    vi.advanceTimersByTime(600);
    expect(wires).toHaveLength(2);
  });

  test('its status names the process that does not respond', async () => {
    const { stream, last } = open('signed-out');
    stream.subscribe({ topic: 'samples' });
    last().onclose?.();
    await vi.advanceTimersByTimeAsync(0);
    expect(stream.status).toMatchObject({ state: 'lost', reason: 'signed-out' });
  });
});

test('a call that is not acknowledged within five seconds closes the connection', () => {
  const { stream, last, wires } = open();
  stream.subscribe({ topic: 'pods' });
  const wire = last();
  wire.answers = false;
  wire.hello();
  vi.advanceTimersByTime(4999);
  expect(stream.status.state).toBe('connected');
  vi.advanceTimersByTime(1);
  expect(stream.status.state).toBe('lost');
  expect(wire.closed).toBe(true);
  vi.advanceTimersByTime(500);
  expect(wires).toHaveLength(2);
});

test('ten seconds without messages close it if samples are expected, and not otherwise', () => {
  const quiet = open();
  quiet.stream.subscribe({ topic: 'pods' });
  quiet.last().hello();
  const loud = open();
  loud.stream.subscribe({ topic: 'samples' });
  loud.last().hello();
  vi.advanceTimersByTime(10_000);
  expect(quiet.stream.status.state).toBe('connected');
  expect(loud.stream.status.state).toBe('lost');
});

test('listeners get frames and messages until they are removed', () => {
  const { stream, last } = open();
  const frames: number[] = [];
  const leave = stream.onFrame((frame) => frames.push(frame.byteLength));
  stream.subscribe({ topic: 'samples' });
  last().onmessage?.({ data: new ArrayBuffer(3) });
  leave();
  last().onmessage?.({ data: new ArrayBuffer(5) });
  expect(frames).toEqual([3]);
});

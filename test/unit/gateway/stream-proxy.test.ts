import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { openTestGateway } from '../../testbed/open-test-gateway.ts';
import { startFakeAgent } from './fake-agent-server.ts';

async function browserAt(gateway: Awaited<ReturnType<typeof openTestGateway>>): Promise<WebSocket> {
  const headers = {
    ...(await gateway.signIn('viewer')),
    'x-podlane-actor': 'root',
    'x-podlane-role': 'admin',
  };
  const browser = new WebSocket(`ws://127.0.0.1:${gateway.port}/api/v1/stream`, { headers });
  browser.binaryType = 'arraybuffer';
  return browser;
}

test('text and binary frames pass unchanged in both directions with the actor and without compression', async () => {
  using agent = await startFakeAgent(
    (_request, response) => response.end(),
    (socket, request) => {
      const { 'x-podlane-actor': actor, 'x-podlane-role': role } = request.headers;
      socket.send(`${actor} ${role}`);
      socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
    },
  );
  await using gateway = await openTestGateway(agent.path);
  const browser = await browserAt(gateway);
  const [hello] = await once(browser, 'message');
  expect(hello.toString()).toBe('viewer viewer');
  expect(browser.extensions).toBe('');
  browser.send('{"id":1}');
  const [text, isBinary] = await once(browser, 'message');
  expect([text.toString(), isBinary]).toEqual(['{"id":1}', false]);
  browser.send(new Uint8Array([1, 2, 3]));
  const [data] = await once(browser, 'message');
  expect(new Uint8Array(data)).toEqual(new Uint8Array([1, 2, 3]));
});

test('messages that a browser sends before the agent has connected are not lost', async () => {
  using agent = await startFakeAgent(
    (_request, response) => response.end(),
    (socket) => socket.on('message', (data) => socket.send(`heard ${data}`)),
  );
  await using gateway = await openTestGateway(agent.path);
  const browser = await browserAt(gateway);
  await once(browser, 'open');
  browser.send('early');
  const [answer] = await once(browser, 'message');
  expect(answer.toString()).toBe('heard early');
});

test('the browser is closed with “try again later” when the agent is unreachable, and when it dies', async () => {
  await using alone = await openTestGateway('/nonexistent/agent.sock');
  const [code] = await once(await browserAt(alone), 'close');
  expect(code).toBe(1013);

  using agent = await startFakeAgent(
    (_request, response) => response.end(),
    (socket) => socket.send('hello'),
  );
  await using gateway = await openTestGateway(agent.path);
  const browser = await browserAt(gateway);
  await once(browser, 'message');
  agent.kill();
  const [died] = await once(browser, 'close');
  expect(died).toBe(1013);
});

test('the stream at the agent closes when the browser disconnects', async () => {
  let ended: Promise<unknown> = Promise.reject(new Error('no stream was opened'));
  ended.catch(() => {});
  using agent = await startFakeAgent(
    (_request, response) => response.end(),
    (socket) => {
      ended = once(socket, 'close');
      socket.send('hello');
    },
  );
  await using gateway = await openTestGateway(agent.path);
  const browser = await browserAt(gateway);
  await once(browser, 'message');
  browser.terminate();
  await ended;
});

test('a browser that does not read pauses the agent and uses no memory of the gateway', async () => {
  const frame = Buffer.alloc(1 << 20, 1);
  let unsent = () => 0;
  using agent = await startFakeAgent(
    (_request, response) => response.end(),
    (socket) => {
      unsent = () => socket.bufferedAmount;
      for (let count = 0; count < 64; count++) socket.send(frame);
    },
  );
  await using gateway = await openTestGateway(agent.path);
  const browser = await browserAt(gateway);
  await once(browser, 'open');
  browser.pause();
  await sleep(500);
  // The rest is in the kernel's socket buffers, which it bounds.
  expect(unsent()).toBeGreaterThan(32 << 20);
  let bytes = 0;
  browser.on('message', (data: ArrayBuffer) => {
    bytes += data.byteLength;
  });
  browser.resume();
  await expect.poll(() => bytes, { timeout: 10_000 }).toBe(64 << 20);
});

test('the gateway stops within a second while streams are open, and closes them with 1001', async () => {
  using agent = await startFakeAgent(
    (_request, response) => response.end(),
    (socket) => socket.send('hello'),
  );
  const gateway = await openTestGateway(agent.path);
  const browser = await browserAt(gateway);
  await once(browser, 'message');
  const closed = once(browser, 'close');
  const before = performance.now();
  await gateway.stop();
  expect(performance.now() - before).toBeLessThan(1000);
  expect((await closed)[0]).toBe(1001);
});

test('a message of more than 64 KiB from a browser closes its stream', async () => {
  using agent = await startFakeAgent((_request, response) => response.end());
  await using gateway = await openTestGateway(agent.path);
  const browser = await browserAt(gateway);
  await once(browser, 'open');
  browser.send(Buffer.alloc(64 * 1024 + 1));
  expect((await once(browser, 'close'))[0]).toBe(1009);
});

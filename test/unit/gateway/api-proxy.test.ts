import type { IncomingHttpHeaders } from 'node:http';
import { expect, test } from 'vitest';
import { openTestGateway } from '../../testbed/open-test-gateway.ts';
import { startFakeAgent } from './fake-agent-server.ts';

test('a call reaches the agent with its query and body, and without headers that the browser must not set', async () => {
  let seen: { url: string | undefined; headers: IncomingHttpHeaders; body: string } | undefined;
  using agent = await startFakeAgent(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    seen = { url: request.url, headers: request.headers, body };
    response.statusCode = 202;
    response.end('{}');
  });
  await using gateway = await openTestGateway(agent.path);
  const { cookie } = await gateway.signIn('operator');
  const headers = {
    cookie,
    'content-type': 'application/json',
    'x-podlane-actor': 'root',
    'x-podlane-role': 'admin',
    authorization: 'Bearer mine',
    connection: 'x-odd',
    'x-odd': '1',
  };
  const { status } = await gateway.call('/api/v1/pods/a%2Fb?dry=1', headers, 'POST', '{"to":"veth"}');
  expect(status).toBe(202);
  expect(seen?.url).toBe('/api/v1/pods/a%2Fb?dry=1');
  expect(seen?.body).toBe('{"to":"veth"}');
  expect(seen?.headers).toMatchObject({
    'x-podlane-actor': 'operator',
    'x-podlane-role': 'operator',
    'content-type': 'application/json',
  });
  for (const name of ['cookie', 'authorization', 'x-odd', 'origin'])
    expect(seen?.headers).not.toHaveProperty(name);
});

test('the response comes back with status, headers and problem, without hop-by-hop headers', async () => {
  using agent = await startFakeAgent((_request, response) => {
    response.writeHead(409, {
      'content-type': 'application/problem+json',
      etag: '"7"',
      'set-cookie': 'a=b',
      connection: 'x-hop',
      'x-hop': '1',
    });
    response.end('{"code":"no_netkit"}');
  });
  await using gateway = await openTestGateway(agent.path);
  const answer = await gateway.call('/api/v1/pods', await gateway.signIn());
  expect(answer.status).toBe(409);
  expect(answer.text).toBe('{"code":"no_netkit"}');
  expect(answer.headers).toMatchObject({ etag: '"7"', 'content-type': 'application/problem+json' });
  expect(answer.headers).not.toHaveProperty('set-cookie');
  expect(answer.headers).not.toHaveProperty('x-hop');
});

test('a response streams: its first part arrives before the last is written', async () => {
  let finish = () => {};
  using agent = await startFakeAgent((_request, response) => {
    response.write('first');
    finish = () => response.end('last');
  });
  await using gateway = await openTestGateway(agent.path);
  const answer = await fetch(`http://127.0.0.1:${gateway.port}/api/v1/x`, {
    headers: await gateway.signIn(),
  });
  const reader = answer.body!.getReader();
  expect(new TextDecoder().decode((await reader.read()).value)).toBe('first');
  finish();
  expect(new TextDecoder().decode((await reader.read()).value)).toBe('last');
});

test('204 and HEAD pass', async () => {
  using agent = await startFakeAgent((request, response) => {
    response.statusCode = request.method === 'DELETE' ? 204 : 200;
    response.end(request.method === 'DELETE' ? undefined : 'body');
  });
  await using gateway = await openTestGateway(agent.path);
  const session = await gateway.signIn();
  expect((await gateway.call('/api/v1/x', session, 'DELETE')).status).toBe(204);
  expect(await gateway.call('/api/v1/x', session, 'HEAD')).toMatchObject({ status: 200, text: '' });
});

test('a body that is too large is 413 and does not reach the agent', async () => {
  let calls = 0;
  using agent = await startFakeAgent((_request, response) => {
    calls++;
    response.end();
  });
  await using gateway = await openTestGateway(agent.path);
  const answer = await gateway.call('/api/v1/x', await gateway.signIn(), 'POST', Buffer.alloc((8 << 20) + 1));
  expect(answer.status).toBe(413);
  expect(JSON.parse(answer.text).code).toBe('too_large');
  expect(calls).toBe(0);
});

test('an unreachable agent is 502 with the call that failed, and calls work again when it is back', async () => {
  await using gateway = await openTestGateway('/nonexistent/agent.sock');
  const { status, text } = await gateway.call('/api/v1/pods', await gateway.signIn());
  expect(status).toBe(502);
  const problem = JSON.parse(text);
  expect(problem.code).toBe('agent_unreachable');
  expect(problem.detail).toContain('GET /api/v1/pods at unix:/nonexistent/agent.sock: connect ENOENT');
  expect(problem.hint).toContain('Start the agent again');
});

test('pages support only GET and HEAD, and an unknown API path is a problem', async () => {
  await using gateway = await openTestGateway('/nonexistent/agent.sock');
  const session = await gateway.signIn();
  expect((await gateway.call('/pods', session)).text).toBe('page /pods');
  expect((await gateway.call('/pods', session, 'POST', 'x')).status).toBe(405);
  const unknown = await gateway.call('/api/v2/pods', session);
  expect([unknown.status, JSON.parse(unknown.text).code]).toEqual([404, 'not_found']);
});

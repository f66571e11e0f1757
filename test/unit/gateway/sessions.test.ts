import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import type { BrowserSessionInfo } from '../../../contract/session.ts';
import { openTestGateway } from '../../testbed/open-test-gateway.ts';
import { type FakeAgentServer, startFakeAgent } from './fake-agent-server.ts';

let agent: FakeAgentServer;
let gateway: Awaited<ReturnType<typeof openTestGateway>>;

beforeAll(async () => {
  agent = await startFakeAgent((request, response) =>
    response.end(JSON.stringify({ role: request.headers['x-podlane-role'] })),
  );
  gateway = await openTestGateway(agent.path, ['https://podlane.example']);
});
afterAll(async () => {
  await gateway.stop();
  agent[Symbol.dispose]();
});

const roleOf = async (cookie: string) => {
  const { status, text } = await gateway.call('/api/v1/session', { cookie });
  return status === 200 ? JSON.parse(text).role : status;
};
const sessionsOf = async (cookie: string): Promise<BrowserSessionInfo[]> =>
  JSON.parse((await gateway.call('/api/v1/sessions', { cookie })).text).items;

test('the cookie’s name cannot be guessed, and differs between two gateways', async () => {
  await using other = await openTestGateway(agent.path);
  const names = [await gateway.signIn(), await other.signIn()].map(({ cookie }) => cookie.split('=')[0]!);
  for (const name of names) expect(name).toMatch(/^podlane-\d+-[0-9a-f]{32}$/);
  expect(names[0]!.slice(-32)).not.toBe(names[1]!.slice(-32));
});

test('cookies that another port of the host set take no session’s place', async () => {
  const { cookie: admin } = await gateway.signIn('admin');
  const { cookie: viewer } = await gateway.signIn('viewer');
  const [name] = admin.split('=');
  const secret = viewer.slice(viewer.indexOf('=') + 1);
  // A guessed name; then the right one, with a longer path, which browsers send first.
  for (const foreign of [
    `podlane-${gateway.port}=${secret}`,
    `${name}=junk`,
    `${name}=${secret}`,
    `${name}=`,
  ])
    expect(await roleOf(`${foreign}; ${admin}`), foreign).toBe('admin');
  expect(await roleOf(`theme=dark;${admin};x=y`)).toBe('admin');
});

test('signing in removes the cookies of earlier starts, and ends the session that the browser had', async () => {
  const { cookie } = await gateway.signIn('viewer');
  const earlier = `podlane-${gateway.port}-${'0'.repeat(32)}`;
  const other = `podlane-1-${'0'.repeat(32)}`;
  const { search } = new URL(gateway.newLink('admin'));
  const { headers } = await gateway.call(`/${search}`, { cookie: `${cookie}; ${earlier}=a; ${other}=b` });
  expect(headers['set-cookie']?.slice(1)).toEqual([
    `${earlier}=; Max-Age=0; Path=/; HttpOnly; SameSite=Strict`,
  ]);
  expect(await roleOf(cookie)).toBe(401);
});

test('signing out ends the session and its streams, and removes the cookie', async () => {
  const { cookie } = await gateway.signIn('operator');
  const stream = new WebSocket(`ws://127.0.0.1:${gateway.port}/api/v1/stream`, { headers: { cookie } });
  stream.on('error', () => undefined);
  const closed = new Promise((resolve) => stream.on('close', resolve));
  await new Promise((resolve) => stream.on('open', resolve));
  const { status, headers } = await gateway.call('/api/v1/session', { cookie }, 'DELETE');
  expect(status).toBe(204);
  expect(headers['set-cookie']?.[0]).toBe(
    `${cookie.split('=')[0]}=; Max-Age=0; Path=/; HttpOnly; SameSite=Strict`,
  );
  expect(await closed).toBe(4401);
  expect(await roleOf(cookie)).toBe(401);
});

test('an admin sees all sessions and revokes them; others see and end their own', async () => {
  const { cookie: admin } = await gateway.signIn('admin');
  const { cookie: viewer } = await gateway.signIn('viewer');
  const mine = await sessionsOf(viewer);
  expect(mine).toEqual([expect.objectContaining({ role: 'viewer', own: true })]);
  const all = await sessionsOf(admin);
  expect(all.map(({ id }) => id)).toContain(mine[0]!.id);
  expect(JSON.stringify(all)).not.toContain(viewer.split('=')[1]);
  const adminId = all.find(({ own }) => own)!.id;
  expect((await gateway.call(`/api/v1/sessions/${adminId}`, { cookie: viewer }, 'DELETE')).status).toBe(403);
  expect((await gateway.call(`/api/v1/sessions/${mine[0]!.id}`, { cookie: admin }, 'DELETE')).status).toBe(
    204,
  );
  expect(await roleOf(viewer)).toBe(401);
  expect((await gateway.call(`/api/v1/sessions/${mine[0]!.id}`, { cookie: admin }, 'DELETE')).status).toBe(
    404,
  );
});

test('a right link works however many wrong ones were tried', async () => {
  const { search } = new URL(gateway.newLink());
  const answers = [];
  for (let count = 0; count < 30; count++) answers.push((await gateway.call('/?token=guess')).status);
  expect(new Set(answers)).toEqual(new Set([401, 429]));
  expect((await gateway.call(`/${search}`)).status).toBe(303);
});

test('a path with malformed percent-escapes meets the same rules and has the same headers', async () => {
  const { cookie } = await gateway.signIn();
  for (const path of ['/%', '/pods/%zz', '/api/v1/pods/%c0%80', '/%E0%A4%A']) {
    const without = await gateway.call(path);
    expect(without.status, path).toBe(401);
    expect((await gateway.call(path, { cookie, host: 'evil.example' })).status, path).toBe(421);
    expect((await gateway.call(path, { cookie, origin: 'http://evil.example' })).status, path).toBe(403);
    const answered = await gateway.call(path, { cookie });
    expect(answered.status, path).toBeGreaterThanOrEqual(200);
    expect(answered.status, path).toBeLessThan(500);
    for (const { headers } of [without, answered]) {
      expect(headers['x-content-type-options'], path).toBe('nosniff');
      expect(headers['content-security-policy'], path).toContain("frame-ancestors 'none'");
    }
  }
});

test('an origin is compared with its scheme', async () => {
  const { cookie } = await gateway.signIn();
  const host = 'podlane.example';
  const ask = async (origin: string, to = host) =>
    (await gateway.call('/api/v1/pods', { cookie, origin, host: to })).status;
  expect(await ask('https://podlane.example')).toBe(200);
  expect(await ask('http://podlane.example')).toBe(403);
  expect(await ask(`https://127.0.0.1:${gateway.port}`, `127.0.0.1:${gateway.port}`)).toBe(403);
  expect(await ask(`http://127.0.0.1:${gateway.port}`, `127.0.0.1:${gateway.port}`)).toBe(200);
});

test('headers that are too large are refused with the security headers', async () => {
  const { status, headers } = await gateway.call('/', { 'x-filler': 'x'.repeat(64 << 10) });
  expect(status).toBe(413);
  expect(headers['x-content-type-options']).toBe('nosniff');
});

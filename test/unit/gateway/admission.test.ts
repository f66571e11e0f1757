import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { openTestGateway } from '../../testbed/open-test-gateway.ts';
import { type FakeAgentServer, startFakeAgent } from './fake-agent-server.ts';

let agent: FakeAgentServer;
let gateway: Awaited<ReturnType<typeof openTestGateway>>;
let signedIn: { cookie: string };

beforeAll(async () => {
  agent = await startFakeAgent((_request, response) => response.end('{}'));
  gateway = await openTestGateway(agent.path, ['podlane.example:8443']);
  signedIn = await gateway.signIn();
});
afterAll(async () => {
  await gateway.stop();
  agent[Symbol.dispose]();
});

const code = (text: string) => JSON.parse(text).code;

/** The status a WebSocket upgrade is answered with. */
function upgradeStatus(path: string, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve) => {
    const socket = new WebSocket(`ws://127.0.0.1:${gateway.port}${path}`, { headers });
    socket.on('unexpected-response', (_request, response) => {
      resolve(response.statusCode ?? 0);
      response.resume();
    });
    socket.on('open', () => {
      resolve(101);
      socket.terminate();
    });
    socket.on('error', () => {});
  });
}

describe('without a session', () => {
  test.each(['/', '/pods', '/_next/static/chunks/main.js', '/favicon.ico'])('%s is 401', async (path) => {
    expect((await gateway.call(path)).status).toBe(401);
  });

  test('a browser receives a page that explains how to sign in and needs no asset', async () => {
    const { status, headers, text } = await gateway.call('/pods', { accept: 'text/html,*/*' });
    expect(status).toBe(401);
    expect(headers['content-type']).toContain('text/html');
    expect(headers['cache-control']).toBe('no-store');
    expect(text).toContain('Press Enter');
    expect(text).not.toMatch(/src=|href="(?!data:)/);
  });

  test('a call is answered with problem details', async () => {
    const { status, headers, text } = await gateway.call('/api/v1/pods', { accept: 'text/html' });
    expect(status).toBe(401);
    expect(headers['content-type']).toContain('application/problem+json');
    expect(code(text)).toBe('unauthorized');
  });

  test('an invalid cookie is rejected', async () => {
    const cookie = `podlane-${gateway.port}=${'A'.repeat(43)}`;
    expect((await gateway.call('/api/v1/pods', { cookie })).status).toBe(401);
  });

  test('a WebSocket is rejected before the upgrade', async () => {
    expect(await upgradeStatus('/api/v1/stream', {})).toBe(401);
  });
});

describe('a foreign Host', () => {
  test.each(['evil.example', '127.0.0.1', '127.0.0.1:1', 'localhost.evil.example'])(
    '%s is 421',
    async (host) => {
      const { status, text } = await gateway.call('/api/v1/pods', { ...signedIn, host });
      expect(status).toBe(421);
      expect(code(text)).toBe('foreign_host');
    },
  );

  test('is 421 over WebSocket', async () => {
    expect(await upgradeStatus('/api/v1/stream', { ...signedIn, host: 'evil.example' })).toBe(421);
  });

  test('does not consume the token', async () => {
    const { search } = new URL(gateway.newLink());
    expect((await gateway.call(`/${search}`, { host: 'evil.example' })).status).toBe(421);
    expect((await gateway.call(`/${search}`)).status).toBe(303);
  });

  test.each(['localhost', 'LOCALHOST', '[::1]'])('%s with the gateway’s port is accepted', async (name) => {
    const host = `${name}:${gateway.port}`;
    expect((await gateway.call('/api/v1/pods', { ...signedIn, host })).status).toBe(200);
  });

  test('given by --allow-host is accepted', async () => {
    const host = 'podlane.example:8443';
    expect((await gateway.call('/api/v1/pods', { ...signedIn, host })).status).toBe(200);
  });
});

describe('a foreign Origin', () => {
  const origins = ['http://evil.example', 'null', 'http://127.0.0.1:1', 'http://localhost', 'not a URL'];
  test.each(origins)('%s is 403', async (origin) => {
    const { status, text } = await gateway.call('/api/v1/pods', { ...signedIn, origin });
    expect(status).toBe(403);
    expect(code(text)).toBe('foreign_origin');
  });

  test.each(['cross-site', 'same-site'])('Sec-Fetch-Site: %s is 403', async (site) => {
    const headers = { ...signedIn, 'sec-fetch-site': site };
    expect((await gateway.call('/api/v1/pods', headers)).status).toBe(403);
    expect((await gateway.call('/pods', { ...headers, 'sec-fetch-mode': 'no-cors' })).status).toBe(403);
  });

  test('is 403 over WebSocket', async () => {
    expect(await upgradeStatus('/api/v1/stream', { ...signedIn, origin: 'http://evil.example' })).toBe(403);
  });

  test('the gateway’s own origin passes, also over WebSocket', async () => {
    const origin = `http://127.0.0.1:${gateway.port}`;
    expect((await gateway.call('/api/v1/pods', { ...signedIn, origin })).status).toBe(200);
    expect(await upgradeStatus('/api/v1/stream', { ...signedIn, origin })).toBe(101);
  });

  test('a link on a page of another site opens the dashboard', async () => {
    const opened = {
      'sec-fetch-site': 'cross-site',
      'sec-fetch-mode': 'navigate',
      'sec-fetch-dest': 'document',
    };
    expect((await gateway.call('/pods', { ...signedIn, ...opened })).status).toBe(200);
  });
});

describe('the sign-in link', () => {
  test('sets a cookie that scripts and other sites cannot read, and removes the token from the URL', async () => {
    const { status, headers } = await gateway.call(`/${new URL(gateway.newLink()).search}`);
    expect(status).toBe(303);
    expect(headers.location).toBe('/');
    expect(headers['cache-control']).toBe('no-store');
    expect(headers['referrer-policy']).toBe('no-referrer');
    expect(headers['set-cookie']?.[0]).toMatch(/; Path=\/; HttpOnly; SameSite=Strict$/);
  });

  test('works once', async () => {
    const { search } = new URL(gateway.newLink());
    expect((await gateway.call(`/${search}`)).status).toBe(303);
    const again = await gateway.call(`/${search}`, { accept: 'text/html' });
    expect(again.status).toBe(401);
    expect(again.text).toContain('already used');
    expect(again.headers['set-cookie']).toBeUndefined();
  });

  test('opens the dashboard when a signed-in browser uses it again', async () => {
    const { search } = new URL(gateway.newLink());
    await gateway.call(`/${search}`);
    const again = await gateway.call(`/${search}`, signedIn);
    expect(again.status).toBe(303);
    expect(again.headers['set-cookie']).toBeUndefined();
  });

  test('for another role gives a signed-in browser that role', async () => {
    const viewer = await gateway.signIn('viewer');
    const { search } = new URL(gateway.newLink('admin'));
    const { headers } = await gateway.call(`/${search}`, viewer);
    expect(headers['set-cookie']?.[0]).not.toContain(viewer.cookie);
    expect(headers['set-cookie']).toHaveLength(1);
  });

  test('becomes invalid when a new one is issued', async () => {
    const before = new URL(gateway.newLink());
    gateway.newLink();
    expect((await gateway.call(`/${before.search}`)).status).toBe(401);
  });

  test('opened from another site is answered by a page, because a redirect would not send the cookie', async () => {
    const opened = {
      'sec-fetch-site': 'cross-site',
      'sec-fetch-mode': 'navigate',
      'sec-fetch-dest': 'document',
    };
    const { status, headers, text } = await gateway.call(`/${new URL(gateway.newLink()).search}`, opened);
    expect(status).toBe(200);
    expect(headers['set-cookie']).toHaveLength(1);
    expect(text).toContain('http-equiv="refresh" content="0; url=/"');
  });
});

test('every response has the security headers', async () => {
  for (const [path, headers] of [
    ['/', {}],
    ['/pods', signedIn],
    ['/api/v1/pods', signedIn],
  ] as const) {
    const answer = await gateway.call(path, headers);
    expect(answer.headers['content-security-policy'], path).toContain("frame-ancestors 'none'");
    expect(answer.headers['x-content-type-options'], path).toBe('nosniff');
    expect(answer.headers['cross-origin-opener-policy'], path).toBe('same-origin');
  }
});

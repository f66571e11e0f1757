import { readFileSync } from 'node:fs';
import { WebSocket } from 'ws';
import { httpCall } from '../http-call.ts';
import { expect, bareTest as test } from './fixtures/index.ts';

/** Returns the HTTP status of an upgrade of the stream. */
function upgradeStatus(url: string, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/api/v1/stream`, { headers });
    socket.on('unexpected-response', (_request, response) => {
      response.destroy();
      resolve(response.statusCode ?? 0);
    });
    socket.on('open', () => {
      socket.terminate();
      resolve(101);
    });
    socket.on('error', reject);
  });
}

test('without a session every page, asset, call and WebSocket is refused with 401', async ({
  node,
  page,
}) => {
  const chunk = JSON.parse(readFileSync('.next/build-manifest.json', 'utf8')).rootMainFiles[0];
  for (const path of ['/', '/pods', `/_next/${chunk}`, '/icon.svg', '/api/v1/pods', '/nowhere'])
    expect((await httpCall(node.gateway.port, path, {})).status, path).toBe(401);
  expect(await upgradeStatus(node.url, {})).toBe(401);

  const answer = await page.goto('/pods');
  expect(answer?.status()).toBe(401);
  await expect(page.getByRole('heading', { name: 'Not signed in' })).toBeVisible();
  await expect(page.getByText('Press Enter in the terminal')).toBeVisible();
});

test('a foreign Host is refused with 421, a foreign Origin with 403', async ({ node }) => {
  const { port } = node.gateway;
  expect((await httpCall(port, '/pods', { host: 'evil.example' })).status).toBe(421);
  expect(await upgradeStatus(node.url, { host: 'evil.example' })).toBe(421);
  expect((await httpCall(port, '/api/v1/pods', { origin: 'http://evil.example' })).status).toBe(403);
  expect(await upgradeStatus(node.url, { origin: 'http://evil.example' })).toBe(403);
});

test('the session menu lists sessions and signs out', async ({ node, page }) => {
  await page.goto(await node.gateway.newLink());
  await page.getByRole('button', { name: /^Signed in as/ }).click();
  await expect(page.getByRole('region', { name: 'Sessions' })).toContainText('This session');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await expect(page.getByRole('heading', { name: 'Not signed in' })).toBeVisible();
  expect((await page.request.get('/api/v1/node')).status()).toBe(401);
  expect(await page.context().cookies()).toEqual([]);
});

test('a sign-in link works once and leaves no token in the URL', async ({ node, page, browser }) => {
  const link = await node.gateway.newLink();
  await page.goto(link);
  await expect(page).toHaveURL('/pods');
  expect((await page.context().cookies())[0]).toMatchObject({ httpOnly: true, sameSite: 'Strict' });
  expect(await page.evaluate('document.cookie')).toBe('');
  expect((await page.request.get('/api/v1/node')).status()).toBe(200);

  const other = await browser.newContext();
  const late = await other.newPage();
  expect((await late.goto(link))?.status()).toBe(401);
  await expect(late.getByText('This link was already used')).toBeVisible();
  expect((await late.goto(link.replace(/.$/, '!')))?.status()).toBe(401);
  await other.close();
});

test('a page on another port of this machine is refused, although the browser sends the cookie', async ({
  node,
  page,
}) => {
  await page.goto(await node.gateway.newLink());
  await page.route('http://127.0.0.1:9/', (route) =>
    route.fulfill({ contentType: 'text/html', body: 'foreign' }),
  );
  await page.goto('http://127.0.0.1:9/');
  const tried = await page.evaluate(async (url) => {
    const call = await fetch(`${url}/api/v1/pods`, { credentials: 'include' }).catch((error) =>
      String(error),
    );
    const socket = new WebSocket(`${url.replace('http', 'ws')}/api/v1/stream`);
    const opened = await new Promise((resolve) => {
      socket.onopen = () => resolve(true);
      socket.onclose = () => resolve(false);
    });
    return { call, opened };
  }, node.url);
  expect(tried).toEqual({ call: 'TypeError: Failed to fetch', opened: false });
});

test('the content security policy blocks injected scripts, and the pages work under it', async ({
  node,
  page,
}) => {
  const violations: string[] = [];
  page.on('console', (message) => {
    if (message.text().includes('Content Security Policy')) violations.push(message.text());
  });
  await page.goto(await node.gateway.newLink());
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
  expect(violations).toEqual([]);
  const ran = await page.evaluate(`{
    const script = document.createElement('script');
    script.textContent = 'window.injected = true';
    document.body.append(script);
    'injected' in window;
  }`);
  expect(ran).toBe(false);
});

test('the gateway has no capabilities, cannot gain any, and is not root', async ({ node }) => {
  const status = readFileSync(`/proc/${node.gateway.pid}/status`, 'utf8');
  const field = (name: string) => new RegExp(`^${name}:[ \\t]*(.*)$`, 'm').exec(status)?.[1]?.trim();
  for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
    expect(field(set), set).toBe('0000000000000000');
  expect(field('NoNewPrivs')).toBe('1');
  expect(field('Groups')).toBe('');
  expect(field('Uid')?.split('\t')[1]).toBe(String(node.gateway.user?.uid));
});

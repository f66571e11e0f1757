import { expect, onTestFinished, test } from 'vitest';
import type { Role } from '../../../contract/roles.ts';
import { buildApiApp } from '../../../server/http/app.ts';
import { fakeAgent } from './fake-agent.ts';

async function openApp() {
  const { agent, pods } = await fakeAgent();
  const app = await buildApiApp(agent, { version: '0' });
  onTestFinished(() => app.close());
  pods.add('cart');
  const ask = async (
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    url: string,
    role?: string,
    body?: object,
  ) => {
    const headers = role === undefined ? {} : { 'x-podlane-role': role };
    const answer = await app.inject({ method, url: `/api/v1${url}`, headers, ...(body && { body }) });
    return { status: answer.statusCode, ...(answer.json() ?? {}) };
  };
  return { app, pods, ask };
}

const changes = [
  ['PUT', '/node/settings', { redirect: false }],
  ['PUT', '/node/guard', {}],
  ['POST', '/pods', {}],
  ['DELETE', '/pods/shop.cart', undefined],
  ['POST', '/pods/shop.cart/migrations', { to: 'veth' }],
  ['POST', '/batches', { to: 'veth', all: true }],
] as const;

test('a viewer reads everything and changes nothing', async () => {
  const { ask, pods } = await openApp();
  for (const url of ['/pods', '/node', '/node/guard', '/events', '/batches'])
    expect((await ask('GET', url, 'viewer')).status, url).toBe(200);
  for (const [method, url, body] of changes)
    expect(await ask(method, url, 'viewer', body), url).toMatchObject({ status: 403, code: 'forbidden' });
  expect(pods.calls).toEqual([]);
});

test('an operator changes pods, and so does an admin', async () => {
  const { ask, pods } = await openApp();
  for (const role of ['operator', 'admin'] satisfies Role[])
    expect(await ask('PUT', '/node/settings', role, { redirect: role === 'admin' })).toEqual({
      status: 200,
      redirect: role === 'admin',
    });
  expect(pods.redirect).toBe(true);
});

test('only admins choose the code that runs in the kernel', async () => {
  const { ask } = await openApp();
  const sha256 = 'a'.repeat(64);
  const build = { object: 'AAAA', signature: 'AAAA' };
  const program = { object: 'AAAA', hook: 'tcx/ingress', place: 'before' };
  for (const [method, url, body] of [
    ['POST', '/builds', build],
    ['POST', `/builds/${sha256}/activation`, undefined],
    ['POST', '/builds/rollback', undefined],
    ['DELETE', `/builds/${sha256}`, undefined],
    ['POST', '/pods/shop.cart/programs', program],
    ['DELETE', '/pods/shop.cart/programs/1', undefined],
  ] as const) {
    expect(await ask(method, url, 'operator', body), url).toMatchObject({ status: 403, code: 'forbidden' });
    expect(await ask(method, url, 'admin', body), url).toMatchObject({ status: 404 });
  }
  for (const url of ['/builds', '/builds/signers', '/pods/shop.cart/programs'])
    expect((await ask('GET', url, 'viewer')).status, url).toBe(200);
});

test('a caller without the gateway’s header is an admin, and one with an unknown role a viewer', async () => {
  const { ask } = await openApp();
  expect(await ask('GET', '/session')).toEqual({ status: 200, actor: 'local', role: 'admin' });
  expect(await ask('GET', '/session', 'operator')).toMatchObject({ role: 'operator' });
  for (const role of ['root', '', 'Admin', 'admin, viewer'])
    expect(await ask('GET', '/session', role)).toMatchObject({ role: 'viewer' });
});

test('an unknown resource is 404 for every role', async () => {
  const { ask } = await openApp();
  expect(await ask('POST', '/nothing', 'viewer', {})).toMatchObject({ status: 404, code: 'not_found' });
});

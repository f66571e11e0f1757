import { readFileSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { buildApiApp } from '../../../server/http/app.ts';
import { requireBearerToken } from '../../../server/http/bearer-token.ts';
import { buildOpenapiDocument } from '../../../server/http/openapi-document.ts';
import { podlaneVersion } from '../../../server/version.ts';
import { newDevice, newMigration, newPod } from '../store/records.ts';
import { fakeAgent } from './fake-agent.ts';

async function openApp(options: { lab?: boolean; token?: string } = {}) {
  const fake = await fakeAgent(options);
  const admit = options.token === undefined ? undefined : requireBearerToken(options.token);
  const app = await buildApiApp(fake.agent, { version: '0', ...(admit && { admit }) });
  onTestFinished(() => app.close());
  return { ...fake, app };
}

const attach = { namespace: 'shop', name: 'cart', netns: '/run/netns/cart', addresses: ['10.42.0.33/32'] };

test('pods are listed by page, newest first, and found by id and by name', async () => {
  const { app, pods } = await openApp();
  for (const name of ['web', 'cart', 'payments']) pods.add(name);
  const first = (await app.inject('/api/v1/pods?limit=2')).json();
  expect(first.items.map(({ name }: { name: string }) => name)).toEqual(['payments', 'cart']);
  const second = (await app.inject(`/api/v1/pods?limit=2&before=${first.next}`)).json();
  expect(second).toMatchObject({ items: [{ name: 'web' }], next: null });
  expect((await app.inject('/api/v1/pods/shop.cart')).json()).toMatchObject({ id: 'id-cart' });
  expect((await app.inject('/api/v1/pods/id-cart/path')).json()).toEqual({
    pod: 'id-cart',
    hops: [],
    redirect: true,
    redirectSetting: 'node',
    translators: [],
    services: [],
    traffic: null,
  });
});

test('attaching a pod returns 201 with the pod and its location, and applies defaults', async () => {
  const { app, pods } = await openApp();
  const answer = await app.inject({ method: 'POST', url: '/api/v1/pods', body: attach });
  expect(answer.statusCode).toBe(201);
  expect(answer.headers.location).toBe('/api/v1/pods/id-cart');
  expect(pods.calls).toEqual([
    [
      'attach',
      {
        ...attach,
        interface: 'eth0',
        mtu: 1500,
        routes: [],
        labels: {},
        checks: { source: 'strict', sourcePrefixes: [], ethertypes: [] },
        netkit: {
          mode: 'l3',
          policy: { primary: 'forward', peer: 'blackhole' },
          scrub: { primary: 'default', peer: 'default' },
        },
      },
    ],
  ]);
});

test('a dry run returns the plan; a migration returns 202 with its location and the gateway’s actor', async () => {
  const { app, pods } = await openApp();
  pods.add('cart');
  const url = '/api/v1/pods/shop.cart/migrations';
  const plan = await app.inject({ method: 'POST', url, body: { to: 'veth', dryRun: true } });
  expect(plan.statusCode).toBe(200);
  expect(plan.json()).toMatchObject({ podId: 'id-cart', allowed: true });
  const headers = { 'x-podlane-actor': 'ada' };
  const started = await app.inject({ method: 'POST', url, headers, body: { to: 'veth' } });
  expect(started.statusCode).toBe(202);
  expect(started.headers.location).toBe('/api/v1/migrations/m1');
  expect(started.json()).toMatchObject({ actor: 'ada', state: 'running' });
  await app.inject({ method: 'POST', url, headers: { 'x-podlane-actor': 'a\tb' }, body: { to: 'veth' } });
  expect(pods.calls).toEqual([
    ['migrate', 'id-cart', 'veth', 'ada', { recreate: false, accept: [] }],
    ['migrate', 'id-cart', 'veth', 'local', { recreate: false, accept: [] }],
  ]);
});

test('migrations and events come from the store, including those of removed pods', async () => {
  const { app, store } = await openApp();
  await store.addPod(newPod('cart'), newDevice('id-cart', 1));
  await store.addMigration(newMigration('m1', 'cart'));
  await store.addEvent({
    type: 'drift',
    severity: 'warning',
    podId: 'id-cart',
    migrationId: null,
    message: 'drifted',
  });
  expect((await app.inject('/api/v1/migrations?pod=id-cart')).json().items).toMatchObject([{ id: 'm1' }]);
  expect((await app.inject('/api/v1/migrations/m1')).json()).toMatchObject({ podName: 'cart' });
  expect((await app.inject('/api/v1/events?pod=id-cart')).json().items).toMatchObject([
    { message: 'drifted' },
  ]);
  expect((await app.inject('/api/v1/health')).json()).toMatchObject({ status: 'ok', pods: 0 });
});

test.each([
  ['GET', '/api/v1/pods/shop.none', undefined, 404, 'pod_not_found'],
  ['GET', '/api/v1/migrations/none', undefined, 404, 'migration_not_found'],
  ['GET', '/api/v1/nothing', undefined, 404, 'not_found'],
  ['GET', '/api/v1/pods/%zz', undefined, 400, 'bad_request'],
  ['GET', '/api/v1/pods?limit=0', undefined, 400, 'bad_request'],
  ['GET', '/api/v1/events?before=x', undefined, 400, 'bad_request'],
  ['PUT', '/api/v1/pods', '{}', 405, 'method_not_allowed'],
  ['POST', '/api/v1/pods', '{', 400, 'bad_request'],
  ['POST', '/api/v1/pods', '', 400, 'bad_request'],
  ['POST', '/api/v1/pods', JSON.stringify({ ...attach, addresses: ['10.0.0.1'] }), 400, 'bad_request'],
  ['POST', '/api/v1/pods', JSON.stringify({ ...attach, more: 1 }), 400, 'bad_request'],
  ['POST', '/api/v1/pods', `"${'x'.repeat(1 << 20)}"`, 413, 'too_large'],
  ['PUT', '/api/v1/lab/traffic', '{"pods":{}}', 404, 'not_found'],
] as const)('%s %s is rejected with problem details', async (method, url, body, status, code) => {
  const { app, pods } = await openApp();
  const headers = body === undefined ? {} : { 'content-type': 'application/json' };
  const answer = await app.inject({ method, url, headers, ...(body !== undefined && { body }) });
  expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
  expect(answer.statusCode).toBe(status);
  expect(answer.json()).toMatchObject({ status, code, type: `about:podlane/${code}` });
  if (status === 405) expect(answer.headers.allow).toBe('GET, HEAD, POST');
  expect(pods.calls).toEqual([]);
});

test('each invalid field is named', async () => {
  const { app } = await openApp();
  const body = { ...attach, name: 'Cart!', mtu: 5 };
  const answer = await app.inject({ method: 'POST', url: '/api/v1/pods', body });
  const { errors } = answer.json() as { errors: { path: string }[] };
  expect(errors.map(({ path }) => path).sort()).toEqual(['body.mtu', 'body.name']);
});

test('an internal error is logged with its cause and reported without it', async () => {
  const { app, pods, logged } = await openApp();
  pods.add('cart');
  const answer = await app.inject({ method: 'DELETE', url: '/api/v1/pods/shop.cart' });
  expect(answer.statusCode).toBe(500);
  expect(answer.json()).toMatchObject({ code: 'internal' });
  expect(answer.body).not.toContain('secret');
  expect(JSON.stringify(logged)).toContain('internal secret');
});

test('an agent of the lab accepts reports of its traffic', async () => {
  const { app, pods } = await openApp({ lab: true });
  const body = { pods: { 'id-cart': { ok: 5, failed: 0 } } };
  const answer = await app.inject({ method: 'PUT', url: '/api/v1/lab/traffic', body });
  expect(answer.statusCode).toBe(204);
  expect(pods.calls).toEqual([['traffic', body]]);
});

test('an app with a token answers no request without it', async () => {
  const { app } = await openApp({ token: '0123456789abcdef' });
  for (const authorization of [undefined, '', 'Bearer 0123456789abcdee', 'Basic 0123456789abcdef'])
    for (const url of ['/api/v1/pods', '/api/v1/metrics', '/api/v1/openapi.json', '/nothing']) {
      const answer = await app.inject({ url, headers: authorization === undefined ? {} : { authorization } });
      expect([answer.statusCode, answer.json().code]).toEqual([401, 'unauthorized']);
    }
  const headers = { authorization: 'Bearer 0123456789abcdef' };
  expect((await app.inject({ url: '/api/v1/pods', headers })).statusCode).toBe(200);
});

test('drops of a pod are found by id and name, with the reason where the kernel’s are not counted', async () => {
  const { app, pods } = await openApp();
  pods.add('cart');
  const { body } = await app.inject('/api/v1/pods/id-cart/drops');
  expect(JSON.parse(body)).toMatchObject({ ours: [], kernel: { available: false, detail: 'no BTF' } });
  expect((await app.inject('/api/v1/pods/shop.cart/drops')).body).toBe(body);
  expect((await app.inject('/api/v1/pods/shop.none/drops')).json()).toMatchObject({ code: 'pod_not_found' });
});

test('the committed OpenAPI document matches the routes', async () => {
  const committed = JSON.parse(readFileSync(new URL('../../../docs/openapi.json', import.meta.url), 'utf8'));
  expect(committed).toEqual(JSON.parse(JSON.stringify(await buildOpenapiDocument(podlaneVersion))));
  expect(committed.openapi).toBe('3.1.0');
});

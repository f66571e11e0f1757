import { expect, test } from 'vitest';
import { guardThresholdDefaults } from '../../../contract/guard-thresholds.ts';
import { buildApiApp } from '../../../server/http/app.ts';
import { fakeAgent } from '../http/fake-agent.ts';

async function openRoutes() {
  const { agent, pods } = await fakeAgent();
  pods.add('cart');
  const app = await buildApiApp(agent, { version: 'test' });
  return async (method: 'GET' | 'PUT' | 'POST' | 'DELETE', url: string, payload?: object) => {
    const answer = await app.inject({ method, url: `/api/v1${url}`, ...(payload ? { payload } : {}) });
    return { status: answer.statusCode, body: answer.json() };
  };
}

test('a pod uses its own choice, then the node’s, then the defaults', async () => {
  const ask = await openRoutes();
  expect((await ask('GET', '/node/guard')).body).toMatchObject({
    chosen: null,
    thresholds: guardThresholdDefaults,
  });
  await ask('PUT', '/node/guard', { repairs: 5, coolDownSeconds: 60 });
  await ask('PUT', '/pods/shop.cart/guard', { repairs: 0, on: false });
  expect((await ask('GET', '/pods/shop.cart/guard')).body).toMatchObject({
    chosen: { repairs: 0, on: false },
    thresholds: { ...guardThresholdDefaults, repairs: 0, on: false, coolDownSeconds: 60 },
  });
  const { body } = await ask('DELETE', '/pods/shop.cart/guard');
  expect(body).toMatchObject({ chosen: null, thresholds: { on: true, repairs: 5 } });
  expect((await ask('POST', '/pods/shop.cart/guard/resume')).status).toBe(200);
});

test.each([
  { dropShare: 0 },
  { dropShare: 1.5 },
  { coolDownSeconds: 0 },
  { repairs: -1 },
  { probeFailures: 2.5 },
  { tcpPort: 70_000 },
  { on: 'no' },
  { dropSeconds: null },
  { unheardOf: 1 },
])('%j is refused and changes nothing', async (choice) => {
  const ask = await openRoutes();
  await ask('PUT', '/node/guard', { repairs: 3 });
  for (const url of ['/node/guard', '/pods/shop.cart/guard']) {
    const { status, body } = await ask('PUT', url, choice);
    expect(status).toBe(400);
    expect(body.code).toBe('bad_request');
    expect((await ask('GET', url)).body.thresholds).toEqual({ ...guardThresholdDefaults, repairs: 3 });
  }
});

test('the guard of an unknown pod is not found', async () => {
  const ask = await openRoutes();
  for (const method of ['GET', 'DELETE'] as const)
    expect((await ask(method, '/pods/shop.none/guard')).body.code).toBe('pod_not_found');
});

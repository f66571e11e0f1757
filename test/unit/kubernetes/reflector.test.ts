import { pino } from 'pino';
import { beforeEach, expect, onTestFinished, test, vi } from 'vitest';
import { endpointSlicesResource } from '../../../server/kubernetes/cluster-objects.ts';
import { KubernetesApi } from '../../../server/kubernetes/kubernetes-api.ts';
import { openKubeConfig } from '../../../server/kubernetes/open-kube-config.ts';
import {
  type ReflectedChange,
  Reflector,
  type WatchedResource,
} from '../../../server/kubernetes/reflector.ts';
import {
  type ServedObject,
  servedPaths,
  servedPod,
  status,
  TestApiServer,
} from '../../testbed/kubernetes/api-server.ts';
import { writeTemporaryFile } from './temporary-file.ts';

let server: TestApiServer;
beforeEach(async () => {
  server = new TestApiServer();
  await server.listen();
  return () => server.stop();
});

/** Keeps the labels of pods. */
const labels: WatchedResource<Record<string, string>> = {
  resource: 'all pods',
  paths: [servedPaths.pods],
  project: ({ metadata }) => metadata.labels ?? {},
};

async function reflect<T>(watched: WatchedResource<T>) {
  const api = new KubernetesApi(await openKubeConfig(writeTemporaryFile('kubeconfig', server.kubeconfig)));
  const changes: ReflectedChange<T>[] = [];
  const states: string[] = [];
  const reflector = new Reflector<T>({
    api,
    watched,
    log: pino({ level: 'silent' }),
    changed: (change) => void changes.push(change),
    stateChanged: () => void states.push(reflector.status().state),
  });
  onTestFinished(async () => {
    await reflector.close();
    api.close();
  });
  reflector.start();
  return { reflector, changes, states };
}

const put = (name: string, app: string): ServedObject =>
  server.put(servedPaths.pods, servedPod(name, { labels: { app } }));
const names = (reflector: Reflector<unknown>) => [...reflector.items.keys()].sort();

test('A list is read page by page, then changes are followed', async () => {
  for (let i = 0; i < 600; i += 1) put(`p${i}`, 'web');
  const { reflector, changes } = await reflect(labels);
  await expect.poll(() => reflector.status().state).toBe('live');
  expect(reflector.items.size).toBe(600);
  expect(server.requests.filter((request) => request.includes('limit=250'))).toHaveLength(3);
  await expect.poll(() => server.watches).toBe(1);
  changes.length = 0;
  put('p0', 'db');
  put('p1', 'web');
  server.remove(servedPaths.pods, 'shop/p2');
  put('new', 'web');
  await expect.poll(() => changes.length).toBe(3);
  // What is kept of p1 is as before.
  expect(changes).toEqual([
    { key: 'shop/p0', before: { app: 'web' }, after: { app: 'db' } },
    { key: 'shop/p2', before: { app: 'web' }, after: undefined },
    { key: 'shop/new', before: undefined, after: { app: 'web' } },
  ]);
});

test('A watch that the server ends or breaks goes on from the version that it had reached', async () => {
  put('a', 'web');
  const { reflector } = await reflect(labels);
  for (const end of [() => server.endWatches(), () => server.breakWatches()]) {
    await expect.poll(() => server.watches).toBe(1);
    end();
    put('a', `changed-${String(server.requests.length)}`);
    await expect
      .poll(() => reflector.items.get('shop/a'))
      .toEqual(server.get(servedPaths.pods, 'shop/a')!.metadata.labels);
  }
  expect(server.requests.filter((request) => request.includes('limit='))).toHaveLength(1);
});

test('A bookmark moves the version on, so that an old one does not expire', async () => {
  put('a', 'web');
  const { reflector } = await reflect(labels);
  await expect.poll(() => server.watches).toBe(1);
  const before = reflector.status().lastEvent;
  server.bookmark(servedPaths.pods);
  await expect.poll(() => reflector.status().lastEvent).not.toBe(before);
  server.endWatches();
  await expect.poll(() => server.watches).toBe(1);
  const versions = server.requests.flatMap((request) => /resourceVersion=(\d+)/.exec(request)?.[1] ?? []);
  expect(versions).toEqual(['101', '102']);
});

test.each([
  ['in the stream', () => server.endWatches()],
  [
    'as an event while it runs',
    () => server.send(servedPaths.pods, { type: 'ERROR', object: status(410, 'too old') }),
  ],
])(
  'A version that has expired, said %s, has everything listed again; what is gone is removed then',
  async (_, end) => {
    put('a', 'web');
    put('b', 'web');
    const { reflector, changes } = await reflect(labels);
    await expect.poll(() => server.watches).toBe(1);
    changes.length = 0;
    server.muted(() => {
      server.remove(servedPaths.pods, 'shop/a');
      put('c', 'web');
    });
    server.expireHistory();
    end();
    await expect.poll(() => names(reflector)).toEqual(['shop/b', 'shop/c']);
    expect(changes).toEqual([
      { key: 'shop/a', before: { app: 'web' }, after: undefined },
      { key: 'shop/c', before: undefined, after: { app: 'web' } },
    ]);
    expect(reflector.status()).toMatchObject({ state: 'live', restarts: 1, error: null });
  },
);

test('While the server is away everything stays, is said to be stale, and is caught up on afterwards', async () => {
  put('a', 'web');
  const { reflector, changes, states } = await reflect(labels);
  await expect.poll(() => server.watches).toBe(1);
  changes.length = 0;
  await server.stop();
  await expect.poll(() => reflector.status().state).toBe('stale');
  await expect.poll(() => reflector.status().error).toMatch(/^watch all pods: connect ECONNREFUSED/);
  expect(names(reflector)).toEqual(['shop/a']);
  expect(reflector.synced).toBe(true);
  put('b', 'web');
  await server.listen();
  await expect.poll(() => names(reflector), { timeout: 20_000 }).toEqual(['shop/a', 'shop/b']);
  expect(reflector.status()).toMatchObject({ state: 'live', error: null });
  expect(changes).toHaveLength(1);
  expect(states.filter((state, index) => state !== states[index - 1])).toEqual(['live', 'stale', 'live']);
});

test('A server that refuses is asked again after growing pauses, and its reason is reported', async () => {
  let refused = 0;
  server.intercept = (_method, url) => {
    if (url.pathname !== servedPaths.pods || refused >= 3) return null;
    refused += 1;
    return { status: 403, body: status(403, 'pods is forbidden: User "u" cannot list resource "pods"') };
  };
  const { reflector } = await reflect(labels);
  await expect.poll(() => reflector.status().error).toContain('403');
  expect(reflector.status()).toMatchObject({ state: 'starting', lastSync: null });
  expect(reflector.status().error).toContain('cannot list resource "pods"');
  await expect.poll(() => reflector.status().state, { timeout: 20_000 }).toBe('live');
  expect(reflector.status().restarts).toBe(3);
});

test('An error that is no answer, and a watch that is no JSON, are reported', async () => {
  server.intercept = (_method, url) =>
    url.searchParams.has('watch')
      ? { status: 200, body: 'not an event' }
      : { status: 200, body: { items: null } };
  const { reflector } = await reflect(labels);
  await expect.poll(() => reflector.status().error).toContain('not an event of a watch');
  expect(reflector.items.size).toBe(0);
  server.intercept = () => ({ status: 500, body: 'oops' });
  await expect.poll(() => reflector.status().error, { timeout: 20_000 }).toContain('answers 500');
});

test('A page that has expired while it is asked for has the list begun again', async () => {
  for (let i = 0; i < 300; i += 1) put(`p${i}`, 'web');
  let once = true;
  server.intercept = (_method, url) => {
    if (!url.searchParams.has('continue') || !once) return null;
    once = false;
    return { status: 410, body: status(410, 'the provided continue parameter is too old') };
  };
  const { reflector } = await reflect(labels);
  await expect.poll(() => reflector.items.size, { timeout: 20_000 }).toBe(300);
});

test('An older server has endpoint slices at an older path', async () => {
  server.missing.add(servedPaths.slices);
  server.put(servedPaths.oldSlices, {
    metadata: { name: 'web-1', namespace: 'shop', labels: { 'kubernetes.io/service-name': 'web' } },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['10.0.0.1'], targetRef: { kind: 'Pod', name: 'web-0' } }],
  });
  const { reflector } = await reflect(endpointSlicesResource);
  await expect
    .poll(() => reflector.items.get('shop/web-1'))
    .toEqual({
      namespace: 'shop',
      service: 'web',
      endpoints: [{ address: '10.0.0.1', pod: 'web-0', ready: true }],
    });
  server.endWatches();
  await expect.poll(() => server.requests.filter((each) => each.includes('watch=true')).length).toBe(2);
  expect(reflector.status().state).toBe('live');
});

test('A close ends a request that hangs', async () => {
  server.intercept = () => 'hang';
  const { reflector } = await reflect(labels);
  await expect.poll(() => server.requests.length).toBe(1);
  const began = performance.now();
  await reflector.close();
  expect(performance.now() - began).toBeLessThan(1000);
});

test('A token that is replaced in its file is used for the next request', async () => {
  const { default: fs } = await import('node:fs');
  const token = writeTemporaryFile('token', 'wrong');
  const config = JSON.parse(server.kubeconfig) as { users: { user: object }[] };
  config.users[0]!.user = { 'auth-provider': { name: 'tokenFile', config: { tokenFile: token } } };
  const kubeConfig = await openKubeConfig(writeTemporaryFile('kubeconfig', JSON.stringify(config)));
  const api = new KubernetesApi(kubeConfig);
  onTestFinished(() => api.close());
  const list = () =>
    api.request({ path: servedPaths.pods, operation: 'list pods', signal: AbortSignal.timeout(5000) });
  await expect(list()).rejects.toThrow('401');
  fs.writeFileSync(token, 'agent-token');
  vi.useFakeTimers({ now: Date.now() + 120_000, toFake: ['Date'] });
  onTestFinished(() => void vi.useRealTimers());
  await expect(list()).resolves.toMatchObject({ items: [] });
});

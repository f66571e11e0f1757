import { once } from 'node:events';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { KubernetesSignIn, openTokenReviewer } from '../../../gateway/kubernetes-sign-in.ts';
import { TestApiServer } from '../../testbed/kubernetes/api-server.ts';
import { openTestGateway } from '../../testbed/open-test-gateway.ts';
import { writeTemporaryFile } from '../kubernetes/temporary-file.ts';
import { type FakeAgentServer, startFakeAgent } from './fake-agent-server.ts';

/** Users by token, with the verbs that they have on nodes.podlane.io. */
const users: Record<string, { username: string; verbs: string[] }> = {
  'token-viewer': { username: 'ann', verbs: ['get'] },
  'token-operator': { username: 'system:serviceaccount:shop:bob', verbs: ['get', 'update'] },
  'token-admin': { username: 'Zoë', verbs: ['get', 'update', 'admin'] },
  'token-nobody': { username: 'eve', verbs: [] },
};

let agent: FakeAgentServer;
let server: TestApiServer;
let gateway: Awaited<ReturnType<typeof openTestGateway>>;
let now = 0;
/** Tokens that are not valid any more, and verbs that nobody has any more. */
const revoked = new Set<string>();
const withdrawn = new Set<string>();

interface Review {
  kind?: string;
  spec: {
    token?: string;
    user?: string;
    resourceAttributes?: { verb: string; resource: string; group: string; name?: string };
  };
}

beforeAll(async () => {
  agent = await startFakeAgent((request, response) => {
    const { 'x-podlane-actor': actor, 'x-podlane-role': role } = request.headers;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ actor, role }));
  });
  server = new TestApiServer();
  server.intercept = (_method, { pathname }, body) => {
    const { spec } = (body ?? {}) as Review;
    if (pathname.endsWith('/tokenreviews')) {
      const user = revoked.has(spec.token ?? '') ? undefined : users[spec.token ?? ''];
      const status =
        user === undefined
          ? { authenticated: false }
          : { authenticated: true, user: { username: user.username, groups: ['g'] } };
      return {
        status: 201,
        body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec, status },
      };
    }
    if (!pathname.endsWith('/subjectaccessreviews')) return null;
    const { verb, resource, group, name } = spec.resourceAttributes!;
    const user = Object.values(users).find(({ username }) => username === spec.user);
    const allowed =
      `${resource}.${group} ${name}` === 'nodes.podlane.io n1' &&
      !withdrawn.has(verb) &&
      (user?.verbs.includes(verb) ?? false);
    return {
      status: 201,
      body: { apiVersion: 'authorization.k8s.io/v1', kind: 'SubjectAccessReview', spec, status: { allowed } },
    };
  };
  await server.listen();
});
beforeEach(async () => {
  now = 0;
  revoked.clear();
  withdrawn.clear();
  const file = writeTemporaryFile('kubeconfig', server.kubeconfig);
  const signIn = new KubernetesSignIn(openTokenReviewer(file, 'n1'), () => now);
  gateway = await openTestGateway(agent.path, [], signIn);
  return () => gateway.stop();
});
afterAll(async () => {
  agent[Symbol.dispose]();
  await server.stop();
});

const ask = async (token: string) => {
  const { status, text } = await gateway.call('/api/v1/session', { authorization: `Bearer ${token}` });
  return { status, ...(JSON.parse(text) as { actor?: string; role?: string; code?: string }) };
};
const form = (token: string) => ({
  body: `token=${encodeURIComponent(token)}`,
  type: 'application/x-www-form-urlencoded',
});
async function signIn(token: string) {
  const { body, type } = form(token);
  return gateway.call('/sign-in', { 'content-type': type }, 'POST', body);
}

test('A bearer token gives the role that its user has by verbs on nodes.podlane.io', async () => {
  expect(await ask('token-viewer')).toEqual({ status: 200, actor: 'kubernetes:ann', role: 'viewer' });
  expect(await ask('token-operator')).toEqual({
    status: 200,
    actor: 'kubernetes:system:serviceaccount:shop:bob',
    role: 'operator',
  });
  expect(await ask('token-admin')).toEqual({ status: 200, actor: 'kubernetes:Zo?', role: 'admin' });
});

test('A user without a role, a wrong token and an over-long one are refused with stable codes', async () => {
  expect(await ask('token-nobody')).toMatchObject({ status: 403, code: 'forbidden' });
  expect(await ask('token-wrong')).toMatchObject({ status: 401, code: 'unauthorized' });
  expect(await ask('x'.repeat(9000))).toMatchObject({ status: 401, code: 'unauthorized' });
});

test('A review counts for a minute, a refusal for ten seconds', async () => {
  server.requests.length = 0;
  const reviews = () => server.requests.filter((request) => request.includes('tokenreviews')).length;
  await Promise.all([ask('token-viewer'), ask('token-viewer'), ask('token-viewer')]);
  expect(reviews()).toBe(1);
  await ask('token-wrong');
  await ask('token-wrong');
  expect(reviews()).toBe(2);
  now = 11_000;
  await ask('token-wrong');
  await ask('token-viewer');
  expect(reviews()).toBe(3);
  revoked.add('token-viewer');
  expect((await ask('token-viewer')).status).toBe(200);
  now = 61_000;
  expect((await ask('token-viewer')).status).toBe(401);
});

test('While the API server is away a review counts for ten minutes, and new tokens are refused', async () => {
  await ask('token-viewer');
  const { intercept } = server;
  server.intercept = () => ({ status: 500 });
  now = 120_000;
  expect((await ask('token-viewer')).status).toBe(200);
  expect(await ask('token-admin')).toMatchObject({ status: 503, code: 'kubernetes_unreachable' });
  now = 601_000;
  expect(await ask('token-viewer')).toMatchObject({ status: 503, code: 'kubernetes_unreachable' });
  server.intercept = intercept;
});

test('A browser signs in with a form, gets a session, and loses it with its rights', async () => {
  const page = await gateway.call('/pods', { accept: 'text/html' });
  expect(page.status).toBe(401);
  expect(page.text).toContain('<form method="post" action="/sign-in">');
  expect(page.headers['content-security-policy']).toContain("form-action 'self'");
  expect((await signIn('token-wrong')).status).toBe(401);
  const answer = await signIn(' token-operator\n');
  expect([answer.status, answer.headers.location]).toEqual([303, '/']);
  const cookie = String(answer.headers['set-cookie']?.[0]).split(';')[0]!;
  const session = async () => {
    const { status, text } = await gateway.call('/api/v1/session', { cookie });
    return status === 200 ? (JSON.parse(text) as { role: string }).role : status;
  };
  expect(await session()).toBe('operator');
  withdrawn.add('update');
  now = 61_000;
  expect(await session()).toBe('viewer');
  withdrawn.add('get');
  now = 122_000;
  expect(await session()).toBe(403);
  withdrawn.clear();
  now = 200_000;
  // The session has ended; its token would sign in anew.
  expect(await session()).toBe(401);
});

test('A form of another origin is refused', async () => {
  const { body, type } = form('token-admin');
  const answer = await gateway.call(
    '/sign-in',
    { 'content-type': type, origin: 'http://evil.example' },
    'POST',
    body,
  );
  expect(answer.status).toBe(403);
});

test('A stream with a bearer token closes when the token is revoked', async () => {
  const stream = new WebSocket(`ws://127.0.0.1:${gateway.port}/api/v1/stream`, {
    headers: { authorization: 'Bearer token-viewer' },
  });
  await once(stream, 'open');
  revoked.add('token-viewer');
  now = 61_000;
  const [code] = await once(stream, 'close');
  expect(code).toBe(4401);
}, 40_000);

test('Without the flag no token signs in, and no form is shown', async () => {
  await using plain = await openTestGateway(agent.path);
  const answer = await plain.call('/api/v1/session', { authorization: 'Bearer token-admin' });
  expect(answer.status).toBe(401);
  expect((await plain.call('/', { accept: 'text/html' })).text).not.toContain('<form');
  const { body, type } = form('token-admin');
  expect((await plain.call('/sign-in', { 'content-type': type }, 'POST', body)).status).toBe(404);
});

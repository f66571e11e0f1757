import { expect, onTestFinished, test } from 'vitest';
import { buildApiApp } from '../../../server/http/app.ts';
import { fakeAgent } from './fake-agent.ts';

type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';

async function openRules() {
  const { agent } = await fakeAgent();
  const app = await buildApiApp(agent, { version: '0' });
  onTestFinished(() => app.close());
  const metrics = async () => (await app.inject('/api/v1/metrics')).body;
  const ask = async (method: Method, path: string, text?: string, headers: Record<string, string> = {}) => {
    const type = text === undefined ? {} : { 'content-type': 'application/yaml' };
    const answer = await app.inject({
      method,
      url: `/api/v1/rules${path}`,
      headers: { ...type, ...headers },
      ...(text === undefined ? {} : { payload: text }),
    });
    const json = answer.headers['content-type']?.includes('json') ? answer.json() : answer.body;
    return { status: answer.statusCode, etag: answer.headers.etag, body: json };
  };
  return Object.assign(ask, { metrics });
}

const text = (port = 80) => `name: shop # the only set
defaults: { ingress: deny, egress: allow }
rules:
  - name: web/cart
    direction: ingress
    subject: { all: true }
    peers: [{ cidr: 10.0.0.0/8 }]
    protocol: tcp
    ports: [{ from: ${port} }]
    action: allow
`;
const json = { 'content-type': 'application/json' };

test('rules are put as YAML or JSON, answered with their ETag, and exported in the words they came in', async () => {
  const ask = await openRules();
  expect(await ask('GET', '')).toMatchObject({
    status: 200,
    etag: '"v0"',
    body: { rules: null, version: 0 },
  });
  expect((await ask('GET', '/export')).status).toBe(404);
  expect(await ask.metrics()).toContain('podlane_rules{set="active"} 0');
  const put = await ask('PUT', '?comment=first', text(), { 'x-podlane-actor': 'ada' });
  expect(put).toMatchObject({
    status: 200,
    etag: '"v1"',
    body: { actor: 'ada', comment: 'first', etag: 'v1' },
  });
  expect(await ask('GET', '/export')).toMatchObject({ status: 200, body: text() });
  const lines = (await ask.metrics()).split('\n');
  for (const line of ['podlane_rules{set="active"} 1', 'podlane_rules_outdated 0'])
    expect(lines).toContain(line);
  const { rules } = put.body as { rules: object };
  const again = await ask('PUT', '', JSON.stringify({ ...rules, name: 'as-json' }, null, 2), json);
  expect(again).toMatchObject({ status: 200, etag: '"v2"', body: { rules: { name: 'as-json' } } });
  expect(await ask('DELETE', '')).toMatchObject({ status: 200, body: { rules: null, version: 3 } });
  expect(await ask('POST', '/versions/1/apply')).toMatchObject({
    status: 200,
    body: { version: 4, text: text() },
  });
  expect((await ask('GET', '/versions?limit=2')).body).toMatchObject({
    items: [{ number: 4, restored: 1 }, { number: 3 }],
    next: '3',
  });
});

test('errors of a text are reported by line, also in JSON, and a dry run returns the changes', async () => {
  const ask = await openRules();
  expect(await ask('PUT', '', text(70_000))).toMatchObject({
    status: 422,
    body: { code: 'bad_rules', errors: [{ path: 'rules[0].ports[0].from', line: 9 }] },
  });
  const bad = JSON.stringify({ name: 'x', rules: [{}] }, null, 1);
  expect(await ask('PUT', '', bad, json)).toMatchObject({
    status: 422,
    body: { errors: [{ line: 4 }, { line: 4 }, { line: 4 }, { line: 4 }] },
  });
  expect((await ask('PUT', '?dryRun=true&rule=web/cart', text())).body).toMatchObject({
    changes: { added: ['web/cart'] },
    sizes: { rules: 1, prefixes: 1 },
    warnings: [{ rule: 'web/cart' }],
    view: { rule: { name: 'web/cart' }, line: 4, packets: null },
  });
  expect((await ask('GET', '')).body).toMatchObject({ version: 0 });
  expect(await ask('PUT', '', 'x', { 'content-type': 'text/html' })).toMatchObject({
    status: 400,
    body: { code: 'bad_request' },
  });
});

test('a change that was made from an older state is refused', async () => {
  const ask = await openRules();
  await ask('PUT', '', text());
  const late = await ask('PUT', '', text(81), { 'if-match': '"v0"' });
  expect(late).toMatchObject({
    status: 409,
    body: { code: 'rules_changed', hint: expect.stringContaining('Fetch') },
  });
  expect(await ask('PUT', '', text(81), { 'if-match': '"v1"' })).toMatchObject({ status: 200 });
  expect((await ask('DELETE', '', undefined, { 'if-match': '"v1"' })).status).toBe(409);
});

test('staged rules are saved, read, applied and discarded', async () => {
  const ask = await openRules();
  expect(await ask('GET', '/staged')).toMatchObject({ status: 200, body: { staged: null } });
  expect((await ask('GET', '/entries?set=staged')).body).toMatchObject({ code: 'no_staged_rules' });
  const saved = await ask('PUT', '/staged', text());
  expect(saved.body).toMatchObject({ staged: { evaluating: true, text: text() } });
  expect((await ask('PUT', '/staged', text(81), { 'if-match': '"s0"' })).status).toBe(409);
  const applied = await ask('POST', '/staged/apply', undefined, { 'if-match': saved.etag as string });
  expect(applied).toMatchObject({ status: 200, body: { version: 1 } });
  await ask('PUT', '/staged', text(82));
  expect((await ask('DELETE', '/staged')).status).toBe(204);
  expect((await ask('POST', '/staged/apply')).status).toBe(404);
});

test('rules are found by names with slashes and of any length that a rule may have', async () => {
  const ask = await openRules();
  const long = 'ü'.repeat(400);
  await ask('PUT', '', text().replace('web/cart', long));
  expect(await ask('GET', `/${encodeURIComponent(long)}`)).toMatchObject({
    status: 200,
    body: { rule: { name: long } },
  });
  expect(await ask('GET', '/web%2Fcart')).toMatchObject({ status: 404, body: { code: 'rule_not_found' } });
  expect((await ask('GET', '/statistics')).body).toMatchObject({ items: [{ rule: long, pods: 0 }] });
});

test('NetworkPolicies are stored as they are written, and merged by choice', async () => {
  const ask = await openRules();
  const policy = (name: string, spec: string) =>
    `# as written\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: { name: ${name} }\nspec: ${spec}\n`;
  expect((await ask('PUT', '', policy('a', '{}'))).body).toMatchObject({
    text: policy('a', '{}'),
    rules: { name: 'network-policies', rules: [{ name: 'default/a ingress rest' }] },
  });
  expect((await ask('GET', '/export')).body).toBe(policy('a', '{}'));
  const plan = await ask('PUT', '?dryRun=true&merge=true', policy('b', '{}'));
  expect(plan.body).toMatchObject({ changes: { added: ['default/b ingress rest'], removed: [] } });
  const merged = await ask('PUT', '?merge=true', policy('b', '{}'), { 'if-match': '"v1"' });
  expect(merged.body).toMatchObject({ text: `${policy('a', '{}')}---\n${policy('b', '{}')}` });
  const bad = await ask('PUT', '?merge=true', policy('b', '{ingres: []}'));
  expect(bad).toMatchObject({ status: 422, body: { errors: [{ path: 'spec.ingres', line: 5 }] } });
  expect((await ask('PUT', '?merge=maybe', policy('b', '{}'))).status).toBe(400);
  expect((await ask('GET', '')).body).toMatchObject({ version: 2 });
});

test('a viewer explains, imports and exports, and changes nothing', async () => {
  const ask = await openRules();
  const viewer = { 'x-podlane-role': 'viewer' };
  await ask('PUT', '', text());
  const question = { source: '10.0.0.1', destination: '10.0.0.2', protocol: 'tcp', port: 80 };
  expect(await ask('POST', '/explain', JSON.stringify(question), { ...viewer, ...json })).toMatchObject({
    status: 200,
    body: { verdict: 'allow', egress: null, ingress: null },
  });
  const { port: _, ...without } = question;
  expect((await ask('POST', '/explain', JSON.stringify(without), json)).body).toMatchObject({
    code: 'bad_request',
  });
  const policy =
    'apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: { name: all }\nspec: { podSelector: {} }\n';
  expect((await ask('POST', '/import', policy, viewer)).body).toMatchObject({
    source: 'network-policy',
    rules: { rules: [{ action: 'deny' }] },
    text: policy,
    active: { version: 1, name: 'shop', rules: 1 },
    changes: { added: ['default/all ingress rest'], removed: ['web/cart'], changed: [], defaults: true },
  });
  expect((await ask('POST', '/import?merge=true', policy, viewer)).body).toMatchObject({
    source: 'both',
    text: `${text()}---\n${policy}`,
    changes: { added: ['default/all ingress rest'], removed: [], changed: [], defaults: false },
  });
  for (const [method, path] of [
    ['PUT', ''],
    ['DELETE', ''],
    ['PUT', '/staged'],
    ['POST', '/staged/apply'],
    ['POST', '/versions/1/apply'],
  ] as const)
    expect((await ask(method, path, method === 'PUT' ? text(1) : undefined, viewer)).status, path).toBe(403);
});

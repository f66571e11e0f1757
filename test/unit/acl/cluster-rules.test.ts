import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import type { AgentEvent } from '../../../contract/agent-event.ts';
import { AccessRules } from '../../../server/acl/access-rules.ts';
import { type ClusterPolicy, readClusterPolicy } from '../../../server/acl/cluster/cluster-policy.ts';
import type { SelectablePod } from '../../../server/acl/spec/pod-matching.ts';
import type { LocalPodEndpoint } from '../../../server/acl/staged/loaded-rule-sets.ts';
import { openTemporaryStore } from '../store/temporary-store.ts';
import { FakeKernelRules, noRoom } from './fake-kernel-rules.ts';

const pod = (number: number, name: string, more: Partial<LocalPodEndpoint> = {}): LocalPodEndpoint => ({
  id: `id-${name}`,
  number,
  namespace: 'shop',
  name,
  labels: { app: name },
  addresses: [`10.42.0.${number}/32`],
  ...more,
});
const cart = pod(1, 'cart', { ports: [{ name: 'http', protocol: 'tcp', port: 8080 }] });
const web = pod(2, 'web');
const job = pod(3, 'job');

const policy = (name: string, spec: object, generation = 1): ClusterPolicy => ({
  key: `shop/${name}`,
  namespace: 'shop',
  uid: `uid-${name}`,
  generation,
  rules: readClusterPolicy('shop', name, spec),
});
/** Lets pods of an app reach the cart, at its port http. */
const toCart = (app: string, generation?: number) =>
  policy(
    'cart',
    {
      podSelector: { matchLabels: { app: 'cart' } },
      ingress: [{ from: [{ podSelector: { matchLabels: { app } } }], ports: [{ port: 'http' }] }],
    },
    generation,
  );
const remote = (name: string, address: string, labels: Record<string, string>): SelectablePod => ({
  id: `uid-${name}`,
  namespace: 'shop',
  name,
  labels,
  addresses: [address],
});

async function open({
  kernel = new FakeKernelRules(),
  file,
  inCluster = true,
}: {
  kernel?: FakeKernelRules;
  file?: string;
  inCluster?: boolean;
} = {}) {
  const scratch = await openTemporaryStore(...(file === undefined ? [] : [file]));
  const rules = new AccessRules({ store: scratch.store, log: pino({ level: 'silent' }) });
  onTestFinished(() => rules.close());
  const events: AgentEvent[] = [];
  rules.on('event', (event) => events.push(event));
  await rules.open(kernel, [cart, web, job], { inCluster });
  const verdict = async (source: string, port = 8080, set: 'active' | 'staged' = 'active') =>
    (
      await rules.queries.explain({
        set,
        source,
        destination: 'shop.cart',
        protocol: 'tcp',
        port,
      })
    ).verdict;
  return { rules, kernel, events, verdict, ...scratch };
}

const from = async (verdict: (source: string) => Promise<string>, ...sources: string[]) =>
  Promise.all(sources.map((source) => verdict(source)));

test('Policies of the cluster apply beside a text, and go without it', async () => {
  const { rules, verdict } = await open();
  await rules.changeCluster({ policies: [toCart('web')] });
  expect(await from(verdict, 'shop.web', 'shop.job')).toEqual(['allow', 'deny']);
  expect(await verdict('shop.web', 9090)).toBe('deny');
  expect(rules.active()).toMatchObject({ version: 0, text: null, ownRules: 0, problem: null });
  const text =
    'name: a\nrules:\n- {name: jobs, direction: ingress, subject: {all: true}, peers: [{pods: {matchLabels: {app: job}}}], action: allow, priority: 10}\n';
  await rules.apply(text, { actor: 'ada' });
  expect(await from(verdict, 'shop.web', 'shop.job')).toEqual(['allow', 'allow']);
  expect(rules.active()).toMatchObject({ text, ownRules: 1, rules: { name: 'a' } });
  expect(rules.active().rules?.rules.map(({ name }) => name)).toEqual([
    'jobs',
    'shop/cart ingress 1 tcp',
    'shop/cart ingress rest',
  ]);
  expect((await rules.versions({ limit: 5 })).items).toMatchObject([{ number: 1, rules: 1 }]);
  expect(await rules.queries.rule('active', 'jobs')).toMatchObject({ source: 'text', line: 3 });
  expect(await rules.queries.rule('active', 'shop/cart ingress 1 tcp')).toMatchObject({
    source: 'kubernetes',
    line: null,
    peers: ['10.42.0.2/32'],
  });
  // An import changes the text alone.
  expect((await rules.import(text)).changes).toMatchObject({ added: [], removed: [], changed: [] });
  await rules.remove({ actor: 'ada' });
  expect(await from(verdict, 'shop.web', 'shop.job')).toEqual(['allow', 'deny']);
  await rules.changeCluster({ policies: [] });
  expect(await from(verdict, 'shop.web', 'shop.job')).toEqual(['allow', 'allow']);
  expect(rules.active().rules).toBeNull();
});

test('Staged rules are evaluated with those of the cluster, since they would be', async () => {
  const { rules, verdict } = await open();
  await rules.changeCluster({ policies: [toCart('web')] });
  await rules.stage('name: a\nrules: []\n', { actor: 'ada' });
  expect(await verdict('shop.job', 8080, 'staged')).toBe('deny');
  expect(rules.staged()?.changes).toMatchObject({ added: [], removed: [], changed: [] });
});

test('A policy that a text has too holds beside it', async () => {
  const { rules, verdict } = await open();
  await rules
    .apply(
      'apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: cart, namespace: shop}\nspec: {podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: job}}}], ports: [{port: 8080}]}]}\n',
      { actor: 'ada' },
    )
    .catch(() => undefined);
  await rules.changeCluster({ policies: [toCart('web')] });
  await rules.apply(
    'apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: cart, namespace: shop}\nspec: {podSelector: {}, ingress: [{from: [{podSelector: {matchLabels: {app: job}}}], ports: [{port: 8080}]}]}\n',
    { actor: 'ada' },
  );
  expect(await from(verdict, 'shop.web', 'shop.job', '10.42.0.9')).toEqual(['allow', 'allow', 'deny']);
});

test('Pods of other nodes are peers while they have the labels, and only what rules select counts', async () => {
  const { rules, kernel, verdict } = await open();
  await rules.changeCluster({
    policies: [toCart('web')],
    peers: {
      put: [remote('far', '10.42.1.7', { app: 'web' }), remote('db', '10.42.1.8', { app: 'db' })],
      removed: [],
    },
  });
  expect(await from(verdict, '10.42.1.7', '10.42.1.8')).toEqual(['allow', 'deny']);
  const before = kernel.loads;
  await rules.changeCluster({ peers: { put: [remote('db', '10.42.1.9', { app: 'db' })], removed: [] } });
  expect(kernel.loads).toBe(before);
  await rules.changeCluster({
    peers: { put: [remote('db', '10.42.1.9', { app: 'web' })], removed: ['uid-far'] },
  });
  expect(await from(verdict, '10.42.1.7', '10.42.1.9')).toEqual(['deny', 'allow']);
});

test('Labels of namespaces and of pods are followed', async () => {
  const { rules, verdict } = await open();
  const byTeam = policy('team', {
    podSelector: { matchLabels: { app: 'cart' } },
    ingress: [{ from: [{ namespaceSelector: { matchLabels: { team: 'shop' } } }] }],
  });
  await rules.changeCluster({ policies: [byTeam], namespaces: new Map([['shop', {}]]) });
  expect(await verdict('shop.web')).toBe('deny');
  await rules.changeCluster({ namespaces: new Map([['shop', { team: 'shop' }]]) });
  expect(await verdict('shop.web')).toBe('allow');
  await rules.changeCluster({ policies: [toCart('web')] });
  rules.changePod({ ...job, labels: { app: 'web' } });
  await expect.poll(() => verdict('shop.job')).toBe('allow');
  rules.changePod({ ...cart, ports: [{ name: 'http', protocol: 'tcp', port: 81 }] });
  await expect.poll(() => verdict('shop.job', 81)).toBe('allow');
  expect(await verdict('shop.job', 8080)).toBe('deny');
});

test('Labels of namespaces that users set are kept, unless the cluster sets them', async () => {
  const { rules, file, store } = await open({ inCluster: false });
  await rules.setNamespaceLabels('shop', { team: 'a' });
  expect(rules.namespaces()).toEqual([{ name: 'shop', labels: { team: 'a' }, source: 'api' }]);
  await rules.close();
  await store.close();
  const later = await open({ file });
  expect(later.rules.namespaces()).toEqual([{ name: 'shop', labels: { team: 'a' }, source: 'api' }]);
  await later.rules.changeCluster({ policies: [], namespaces: new Map([['shop', { team: 'b' }]]) });
  expect(later.rules.namespaces()).toEqual([{ name: 'shop', labels: { team: 'b' }, source: 'kubernetes' }]);
  await expect(later.rules.setNamespaceLabels('shop', {})).rejects.toMatchObject({
    code: 'kubernetes_owned',
  });
  await later.rules.setNamespaceLabels('other', { x: 'y' });
  await later.rules.setNamespaceLabels('other', {});
  expect(later.rules.namespaces().map(({ name }) => name)).toEqual(['shop']);
});

test('Policies that cannot be loaded leave those of before, and pods can still be attached', async () => {
  const { rules, kernel, verdict } = await open();
  await rules.changeCluster({ policies: [toCart('web')] });
  kernel.nextError = noRoom();
  const problem = await rules.changeCluster({ policies: [toCart('job', 2)] });
  expect(problem?.code).toBe(noRoom().code);
  expect(await from(verdict, 'shop.web', 'shop.job')).toEqual(['allow', 'deny']);
  expect(rules.active().problem).toBeNull();
  await rules.addPod(pod(4, 'late', { labels: { app: 'web' } }));
  expect(await verdict('shop.late')).toBe('allow');
});

test('More rules than there may be are refused with a number, not loaded in part', async () => {
  const { rules, verdict } = await open();
  await rules.changeCluster({ policies: [toCart('web')] });
  const many = Array.from({ length: 5001 }, (_, i) => ({
    ...toCart('job'),
    key: `shop/p${i}`,
    uid: `u${i}`,
  }));
  for (const [i, each] of many.entries())
    each.rules = each.rules.map((rule) => ({ ...rule, name: `${i} ${rule.name}` }));
  const problem = await rules.changeCluster({ policies: many });
  expect(problem).toMatchObject({ code: 'rules_too_large', detail: expect.stringContaining('10002 rules') });
  expect(await from(verdict, 'shop.web', 'shop.job')).toEqual(['allow', 'deny']);
  // Of policies that isolate no pod of the node there may be any number.
  const elsewhere = many.map((each) => ({ ...each, namespace: 'other' }));
  expect(await rules.changeCluster({ policies: [toCart('web'), ...elsewhere] })).toBeNull();
});

test('A restarted agent has the policies and peers that it had while the API server is away', async () => {
  const { rules, file, store } = await open();
  await rules.changeCluster({
    policies: [toCart('web')],
    namespaces: new Map([['shop', { team: 'a' }]]),
    peers: { put: [remote('far', '10.42.1.7', { app: 'web' })], removed: [] },
  });
  await rules.close();
  await store.close();
  const later = await open({ file });
  expect(await from(later.verdict, 'shop.web', 'shop.job', '10.42.1.7', '10.42.1.8')).toEqual([
    'allow',
    'deny',
    'allow',
    'deny',
  ]);
  expect(later.rules.lastKnownCluster).toMatchObject({
    policies: [{ key: 'shop/cart' }],
    peers: [{ id: 'uid-far' }],
  });
  expect(later.rules.namespaces()).toEqual([{ name: 'shop', labels: { team: 'a' }, source: 'kubernetes' }]);
});

test('Until the policies of the cluster are known nothing is loaded, and a pod waits', async () => {
  const { rules, kernel } = await open();
  expect(kernel.loads).toBe(0);
  expect(rules.active().problem?.code).toBe('cluster_unknown');
  await expect(rules.apply('name: a\nrules: []\n', { actor: 'ada' })).rejects.toMatchObject({
    code: 'cluster_unknown',
  });
  const added = rules.addPod(pod(4, 'late'));
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(kernel.loads).toBe(0);
  await rules.changeCluster({ policies: [toCart('web')] });
  await added;
  expect(rules.active().problem).toBeNull();
});

test('An agent that is started without its cluster forgets its policies, and says so', async () => {
  const { rules, file, store } = await open();
  await rules.changeCluster({ policies: [toCart('web')] });
  await rules.close();
  await store.close();
  const later = await open({ file, inCluster: false });
  expect(await later.verdict('shop.job')).toBe('allow');
  expect(later.events).toMatchObject([
    { type: 'policies.applied', severity: 'warning', message: expect.stringContaining('no longer apply') },
  ]);
});

test('A specification that is not understood is refused with the field', () => {
  expect(() => readClusterPolicy('shop', 'x', { podSelector: {}, ingress: [{ sources: [] }] })).toThrow(
    /read NetworkPolicy shop\/x: spec\.ingress\[0\]\.sources: unknown field/,
  );
});

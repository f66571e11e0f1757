import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { KubernetesStatus } from '../../contract/kubernetes.ts';
import type { Pod, PodSummary } from '../../contract/pod.ts';
import type { PodPath } from '../../contract/pod-path.ts';
import type { ActiveRules, RuleExplanation } from '../../contract/rules.ts';
import { buildImage, publishedImage } from '../../scripts/image/build-image.ts';
import { ensureKubernetes, type KubernetesPrograms } from '../../scripts/kubernetes/build-kubernetes.ts';
import { podlaneVersion } from '../../server/version.ts';
import {
  nodeName,
  pauseImage,
  startTestCluster,
  type TestCluster,
} from '../testbed/kubernetes/test-cluster.ts';

// The real thing: Kubernetes 1.20 with etcd, containerd and kube-proxy, and Podlane as deploy/kubernetes has it.

const clone = join(import.meta.dirname, '../..');
const image = `podlane:${podlaneVersion}`;
const node = '/opt/podlane/node_modules/.bin/node';
const requestLoop = readFileSync(join(clone, 'test/testbed/kubernetes/request-loop.js'), 'utf8');
/** Answers each request with the name of the pod. */
const server = 'require("node:http").createServer((_, r) => r.end(process.env.HOSTNAME)).listen(8080)';
/** Time in ms that what a busy machine does in seconds may take. */
const patience = { timeout: 240_000, interval: 100 };
const replicas = 10;

let programs: KubernetesPrograms;
let cluster: TestCluster;
let folder: string;

beforeAll(async () => {
  programs = await ensureKubernetes();
  folder = mkdtempSync(join(tmpdir(), 'podlane-kubernetes-'));
  const archive = join(folder, 'images.tar');
  await buildImage(archive, [
    publishedImage(podlaneVersion),
    { name: pauseImage, entrypoint: ['/usr/bin/sleep', 'infinity'] },
  ]);
  cluster = await startTestCluster(programs, archive);
  rmSync(archive);
}, 3_600_000);
afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

interface ListedPod {
  metadata: { name: string; namespace: string; uid: string; labels: Record<string, string> };
  spec: { nodeName?: string };
  status: { phase: string; podIP?: string; conditions?: { type: string; status: string }[] };
}
const listPods = (...args: string[]) => cluster.get<{ items: ListedPod[] }>('pods', ...args).items;
const isReady = ({ status }: ListedPod): boolean =>
  status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ?? false;

const container = (script: string, ...args: string[]) => ({
  name: 'c',
  image,
  imagePullPolicy: 'IfNotPresent',
  command: [node, '-e', script, ...args],
  ports: [{ name: 'http', containerPort: 8080 }],
});
const pod = (name: string, labels: Record<string, string>, script: string, ...args: string[]) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: 'default', labels },
  spec: {
    terminationGracePeriodSeconds: 1,
    automountServiceAccountToken: false,
    containers: [container(script, ...args)],
  },
});

/** What a request loop has counted so far. */
interface Counts {
  ok: number;
  failed: number;
  last: string;
  from: Record<string, number>;
}
const countsOf = (name: string): Counts =>
  JSON.parse(cluster.kubectl(['logs', '--tail=1', name]).trim()) as Counts;

const status = () => cluster.agent<KubernetesStatus>('GET', '/kubernetes');
const verdict = async (source: string, destination: string) =>
  (
    await cluster.agent<RuleExplanation>('POST', '/rules/explain', {
      source,
      destination,
      protocol: 'tcp',
      port: 8080,
    })
  ).verdict;
/** Asks a pod from another one. */
const asks = (from: string, address: string): string => {
  const script = `require("node:http").get("http://${address}:8080", {timeout: 1000}, (r) => r.pipe(process.stdout)).on("timeout", () => process.exit(7)).on("error", () => process.exit(7))`;
  try {
    return cluster.kubectl(['exec', from, '--', node, '-e', script]);
  } catch {
    return 'no answer';
  }
};

test('The agent and the gateway are deployed with kubectl, and follow the cluster', async () => {
  cluster.kubectl(['apply', '-k', join(clone, 'deploy/kubernetes')]);
  await expect
    .poll(
      () =>
        listPods('-n', 'podlane-system', '-l', 'app.kubernetes.io/name=podlane-agent').filter(isReady).length,
      patience,
    )
    .toBe(1);
  await expect.poll(async () => (await status()).state, patience).toBe('connected');
  expect(await status()).toMatchObject({ node: nodeName, server: 'https://10.96.0.1' });
});

test('A deployment of ten pods gets devices, names and labels', async () => {
  cluster.apply({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      replicas,
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web', tier: 'front' } },
        spec: { ...pod('', {}, server).spec },
      },
    },
  });
  await expect.poll(() => listPods('-l', 'app=web').filter(isReady).length, patience).toBe(replicas);
  const { items } = await cluster.agent<{ items: PodSummary[] }>('GET', '/pods?limit=100');
  for (const { metadata, status } of listPods('-l', 'app=web')) {
    const found = items.find(({ name }) => name === metadata.name);
    expect(found).toMatchObject({ namespace: 'default', labels: metadata.labels });
    expect(found?.addresses).toEqual([`${status.podIP}/32`]);
    expect(await cluster.agent<Pod>('GET', `/pods/default.${metadata.name}`)).toMatchObject({
      kubernetes: { uid: metadata.uid },
      ports: [{ name: 'http', protocol: 'tcp', port: 8080 }],
    });
  }
});

test('A service is reached through kube-proxy while same-node packets are redirected', async () => {
  cluster.apply({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'web', namespace: 'default' },
    spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 'http' }] },
  });
  const { spec } = cluster.get<{ spec: { clusterIP: string } }>('service', 'web');
  cluster.apply(pod('client', { app: 'client' }, requestLoop, `http://${spec.clusterIP}`, '20'));
  await expect.poll(() => listPods('-l', 'app=client').filter(isReady).length, patience).toBe(1);
  await expect.poll(() => Object.keys(countsOf('client').from).length, patience).toBe(replicas);
  const path = await cluster.agent<PodPath>('GET', '/pods/default.client/path');
  expect(path.redirect).toBe(true);
  const [service] = path.services;
  expect(service).toMatchObject({ namespace: 'default', name: 'web', address: spec.clusterIP, port: 80 });
  const names = listPods('-l', 'app=web').map(({ metadata }) => `default/${metadata.name}`);
  for (const { pod } of service?.backends ?? []) expect(names).toContain(pod);
});

test('A NetworkPolicy is enforced as issued, a label set with kubectl is followed within a second, and a deleted policy ends', async () => {
  cluster.apply(pod('guard', { app: 'guard' }, server), pod('asker', { app: 'other' }, server));
  await expect.poll(() => listPods('-l', 'app in (guard,other)').filter(isReady).length, patience).toBe(2);
  const address = cluster.get<ListedPod>('pod', 'guard').status.podIP ?? '';
  expect(asks('asker', address)).toBe('guard');
  cluster.apply({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: 'guard', namespace: 'default' },
    spec: {
      podSelector: { matchLabels: { app: 'guard' } },
      policyTypes: ['Ingress'],
      ingress: [{ from: [{ podSelector: { matchLabels: { app: 'friend' } } }], ports: [{ port: 'http' }] }],
    },
  });
  await expect.poll(() => verdict('default.asker', 'default.guard'), patience).toBe('deny');
  expect(asks('asker', address)).toBe('no answer');
  cluster.kubectl(['label', 'pod', 'asker', 'app=friend', '--overwrite']);
  const labeled = performance.now();
  await expect
    .poll(() => verdict('default.asker', 'default.guard'), { interval: 10, timeout: 30_000 })
    .toBe('allow');
  expect(performance.now() - labeled).toBeLessThan(1000);
  expect(asks('asker', address)).toBe('guard');
  cluster.kubectl(['label', 'pod', 'asker', 'app=other', '--overwrite']);
  await expect.poll(() => verdict('default.asker', 'default.guard'), patience).toBe('deny');
  const annotation = () =>
    cluster.get<{ metadata: { annotations: Record<string, string> } }>('networkpolicy', 'guard').metadata
      .annotations['podlane.io/status'] ?? '{}';
  await expect
    .poll(() => JSON.parse(annotation()) as object, patience)
    .toMatchObject({ state: 'applied', node: nodeName, generation: 1 });
  await expect
    .poll(() => cluster.kubectl(['get', 'events', '--field-selector', 'reason=PolicyApplied']), patience)
    .toContain('networkpolicy/guard');
  cluster.kubectl(['delete', 'networkpolicy', 'guard']);
  await expect.poll(() => verdict('default.asker', 'default.guard'), patience).toBe('allow');
  expect(asks('asker', address)).toBe('guard');
});

test('A namespace that gets a label is followed', async () => {
  cluster.apply({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name: 'guard', namespace: 'default' },
    spec: {
      podSelector: { matchLabels: { app: 'guard' } },
      ingress: [{ from: [{ namespaceSelector: { matchLabels: { team: 'shop' } } }] }],
    },
  });
  await expect.poll(() => verdict('default.asker', 'default.guard'), patience).toBe('deny');
  cluster.kubectl(['label', 'namespace', 'default', 'team=shop']);
  await expect.poll(() => verdict('default.asker', 'default.guard'), patience).toBe('allow');
});

test('No request fails while the agent is rolled out anew, and rules hold throughout', async () => {
  cluster.kubectl(['label', 'namespace', 'default', 'team-']);
  await expect.poll(() => verdict('default.asker', 'default.guard'), patience).toBe('deny');
  const address = cluster.get<ListedPod>('pod', 'guard').status.podIP ?? '';
  const before = countsOf('client');
  const agent = () =>
    listPods('-n', 'podlane-system', '-l', 'app.kubernetes.io/name=podlane-agent').map(
      ({ metadata }) => metadata.uid,
    );
  const [old] = agent();
  cluster.kubectl(['-n', 'podlane-system', 'rollout', 'restart', 'daemonset/podlane-agent']);
  let asked = 0;
  await expect
    .poll(async () => {
      expect(asks('asker', address)).toBe('no answer');
      asked += 1;
      const pods = listPods('-n', 'podlane-system', '-l', 'app.kubernetes.io/name=podlane-agent');
      return pods.length === 1 && pods[0]?.metadata.uid !== old && pods.every(isReady);
    }, patience)
    .toBe(true);
  await expect.poll(async () => (await status().catch(() => null))?.state, patience).toBe('connected');
  const after = countsOf('client');
  expect(after.ok).toBeGreaterThan(before.ok + 50);
  expect({ failed: after.failed - before.failed, last: after.last }).toEqual({
    failed: 0,
    last: before.last,
  });
  expect(asked).toBeGreaterThan(0);
  expect(await cluster.agent<ActiveRules>('GET', '/rules')).toMatchObject({ problem: null });
});

test('While the API server is away all stays, and is caught up on afterwards', async () => {
  const before = countsOf('client');
  cluster.api.stop();
  await expect.poll(async () => (await status()).state, patience).toBe('disconnected');
  expect(await verdict('default.asker', 'default.guard')).toBe('deny');
  await cluster.api.start();
  cluster.kubectl(['delete', 'networkpolicy', 'guard']);
  await expect.poll(() => verdict('default.asker', 'default.guard'), patience).toBe('allow');
  await expect.poll(async () => (await status()).state, patience).toBe('connected');
  expect(countsOf('client').failed).toBe(before.failed);
});

test('A token of a service account signs in at the gateway with the role that RBAC gives it', async () => {
  await expect
    .poll(
      () =>
        listPods('-n', 'podlane-system', '-l', 'app.kubernetes.io/name=podlane-gateway').filter(isReady)
          .length,
      patience,
    )
    .toBe(1);
  const [gateway] = listPods('-n', 'podlane-system', '-l', 'app.kubernetes.io/name=podlane-gateway');
  cluster.kubectl(['create', 'serviceaccount', 'ann']);
  cluster.kubectl([
    'create',
    'clusterrolebinding',
    'ann',
    '--clusterrole=podlane-operator',
    '--serviceaccount=default:ann',
  ]);
  const { secrets = [] } = await expect
    .poll(() => cluster.get<{ secrets?: { name: string }[] }>('serviceaccount', 'ann'), patience)
    .toHaveProperty('secrets')
    .then(() => cluster.get<{ secrets?: { name: string }[] }>('serviceaccount', 'ann'));
  const secret = cluster.get<{ data: { token: string } }>('secret', secrets[0]?.name ?? '');
  const token = Buffer.from(secret.data.token, 'base64').toString();
  const { netns } = await cluster.agent<Pod>('GET', `/pods/podlane-system.${gateway?.metadata.name}`);
  const session = (bearer: string): string => {
    const script = `require("node:http").get("http://127.0.0.1:7480/api/v1/session", {headers: {authorization: "Bearer ${bearer}"}}, (r) => r.pipe(process.stdout))`;
    return cluster.machine.run(['nsenter', `--net=${netns.path}`, process.execPath, '-e', script]);
  };
  await expect
    .poll(() => JSON.parse(session(token)) as object, patience)
    .toEqual({ actor: 'kubernetes:system:serviceaccount:default:ann', role: 'operator' });
  expect(JSON.parse(session('wrong'))).toMatchObject({ code: 'unauthorized' });
});

test('Nothing is left on the node of a deployment that is deleted', async () => {
  cluster.kubectl(['delete', 'deployment', 'web']);
  await expect.poll(() => listPods('-l', 'app=web').length, patience).toBe(0);
  await expect
    .poll(async () => {
      const { items } = await cluster.agent<{ items: PodSummary[] }>('GET', '/pods?limit=100');
      return items.filter(({ name }) => name.startsWith('web-')).length;
    }, patience)
    .toBe(0);
});

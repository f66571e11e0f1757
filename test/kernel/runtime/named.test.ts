import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { ObservedPod, RuntimeList } from '../../../contract/observed-pod.ts';
import { startTestNode, type TestNode } from '../../testbed/node.ts';
import {
  addForeignNamespace,
  connectByVeth,
  findObserved,
  listObserved,
} from '../../testbed/observed-pods.ts';
import { pollUntil } from '../../testbed/poll.ts';
import { serveCri, serveHttp, temporaryFolder } from '../../testbed/runtime-servers.ts';

async function startNode(...flags: string[]): Promise<TestNode> {
  const node = await startTestNode(['--observe', 'programs', ...flags]);
  onTestFinished(() => node[Symbol.asyncDispose]());
  return node;
}

const id = (digit: string): string => digit.repeat(64);
const appear = (node: TestNode, pod: string, isDone: (pod: ObservedPod) => boolean): Promise<ObservedPod> =>
  pollUntil(
    () => findObserved(node, pod),
    (each) => each !== null && isDone(each),
  ).then((each) => each!);

test('a pod of a CRI runtime has its name, labels and image, by its namespace', async () => {
  const folder = temporaryFolder();
  const socket = join(folder, 'cri.sock');
  const node = await startNode('--cri-socket', socket, '--docker-socket', 'none', '--cni-cache', 'none');
  const pod = addForeignNamespace(node, 'cni');
  const sandboxes: object[] = [{ id: id('h'), metadata: { name: 'proxy', namespace: 'kube-system' } }];
  const server = await serveCri(socket, 'v1alpha2', {
    Version: () => ({ runtime_name: 'containerd', runtime_version: '1.6.20' }),
    ListPodSandbox: () => ({ items: sandboxes }),
    ListContainers: () => ({
      containers: [
        {
          id: id('c'),
          pod_sandbox_id: id('a'),
          metadata: { name: 'nginx' },
          image: { image: 'nginx:1.27' },
          state: 'CONTAINER_RUNNING',
        },
      ],
    }),
    PodSandboxStatus: ({ pod_sandbox_id: asked }) =>
      asked === id('h')
        ? { status: { linux: { namespaces: { options: { network: 'NODE' } } } } }
        : {
            info: {
              info: JSON.stringify({
                pid: 0,
                runtimeSpec: { linux: { namespaces: [{ type: 'network', path: pod.path }] } },
              }),
            },
          },
  });
  // A runtime that starts after the agent.
  const host = await pollUntil(
    async () => (await listObserved(node)).find(({ hostNetwork }) => hostNetwork),
    (each) => each !== undefined,
  );
  expect(host).toMatchObject({
    id: `host-${id('h').slice(0, 12)}`,
    name: 'proxy',
    namespace: 'kube-system',
    kind: null,
    countedBy: null,
    interfaceCount: 0,
    runtime: { name: 'containerd', socket, connected: true },
  });
  expect(await findObserved(node, host!.id)).toMatchObject({
    hostNetwork: true,
    interfaces: [],
    counters: null,
  });
  sandboxes.push({
    id: id('a'),
    metadata: { name: 'web-1', namespace: 'shop', uid: 'uid-1' },
    labels: { app: 'web' },
    annotations: { note: 'x' },
  });
  connectByVeth(node, pod, { hostEnd: 'vcri', address: '10.71.0.2', gateway: '10.71.0.1' });
  expect(await appear(node, pod.id, ({ identifiedBy }) => identifiedBy === 'cri')).toMatchObject({
    name: 'web-1',
    namespace: 'shop',
    uid: 'uid-1',
    labels: { app: 'web' },
    annotations: { note: 'x' },
    image: 'nginx:1.27',
    containers: [{ name: 'nginx', state: 'running' }],
    processes: 0,
    runtime: { name: 'containerd', connected: true },
  });
  const series = `podlane_observed_pod_packets_total{namespace="shop",pod="web-1",id="${pod.id}",direction="egress",counted_by="programs"}`;
  await pollUntil(
    () => node.metrics(),
    (metrics) => metrics.includes(series),
  );
  const runtimes = (): Promise<RuntimeList> => node.ask('GET', '/runtimes');
  expect((await runtimes()).items).toMatchObject([
    { kind: 'cri', name: 'containerd', version: '1.6.20', state: 'connected', pods: 2 },
    { kind: 'podman' },
  ]);
  // The runtime goes away; its pod stays as it was.
  server.close();
  const left = await appear(node, pod.id, ({ runtime }) => runtime?.connected === false);
  expect(left).toMatchObject({
    name: 'web-1',
    labels: { app: 'web' },
    interfaces: [{ countedBy: 'programs' }],
  });
  expect((await runtimes()).items[0]).toMatchObject({ state: expect.stringMatching(/unreachable|absent/) });
});

test('a container of Docker is known by its control group, and a CNI pod by the cache', async () => {
  const folder = temporaryFolder();
  const [socket, cache] = [join(folder, 'docker.sock'), join(folder, 'results')];
  mkdirSync(cache);
  const container = randomBytes(32).toString('hex');
  await serveHttp(socket, {
    '/version': { Version: '20.10.24' },
    '/containers/json': [
      {
        Id: container,
        Names: ['/web'],
        Image: 'nginx',
        Labels: { app: 'web' },
        HostConfig: { NetworkMode: 'bridge' },
      },
    ],
    // Without a path or process: only the control group tells.
    [`/containers/${container}/json`]: {},
  });
  const node = await startNode('--cri-socket', 'none', '--docker-socket', socket, '--cni-cache', cache);
  const docker = addForeignNamespace(node, 'docker');
  const group = makeControlGroup(`docker/${container}`);
  const child = spawn(
    'sh',
    ['-c', `echo $$ > ${group}/cgroup.procs; exec nsenter --net=${docker.path} sleep 1000`],
    { stdio: 'ignore' },
  );
  onTestFinished(async () => {
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
    removeControlGroup(group);
  });
  connectByVeth(node, docker, { hostEnd: 'vdock', address: '10.72.0.2', gateway: '10.72.0.1' });
  expect(await appear(node, docker.id, ({ identifiedBy }) => identifiedBy === 'docker')).toMatchObject({
    name: 'web',
    image: 'nginx',
    labels: { app: 'web' },
    processes: 1,
    controlGroups: [expect.stringContaining(`/docker/${container}`)],
  });

  const cni = addForeignNamespace(node, 'cached');
  connectByVeth(node, cni, { hostEnd: 'vcni', address: '10.73.0.2', gateway: '10.73.0.1' });
  writeFileSync(
    join(cache, 'net-x-eth0'),
    JSON.stringify({
      kind: 'cniCacheV1',
      containerId: id('e'),
      netns: cni.path,
      cniArgs: [
        ['K8S_POD_NAMESPACE', 'shop'],
        ['K8S_POD_NAME', 'db-0'],
      ],
      capabilityArgs: { portMappings: [{ hostPort: 5432, containerPort: 5432, protocol: 'tcp' }] },
    }),
  );
  expect(await appear(node, cni.id, ({ identifiedBy }) => identifiedBy === 'cni')).toMatchObject({
    name: 'db-0',
    namespace: 'shop',
    publishedPorts: [{ hostPort: 5432, podPort: 5432 }],
  });
});

/** Makes a control group as Docker does, in the hierarchy that this machine has. @returns its folder */
function makeControlGroup(path: string): string {
  const roots = ['/sys/fs/cgroup/pids', '/sys/fs/cgroup/systemd', '/sys/fs/cgroup'];
  const root = roots.find((each) => existsSync(join(each, 'cgroup.procs')));
  if (root === undefined) throw new Error('no control groups below /sys/fs/cgroup: mount them');
  const folder = join(root, path);
  mkdirSync(folder, { recursive: true });
  return folder;
}

function removeControlGroup(folder: string): void {
  rmdirSync(folder);
  try {
    rmdirSync(join(folder, '..'));
  } catch {
    // Others have groups there.
  }
}

import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { createCniCacheClient } from '../../../server/runtime/runtimes/cni-cache.ts';
import { createCriClient } from '../../../server/runtime/runtimes/cri.ts';
import { createDockerClient } from '../../../server/runtime/runtimes/docker.ts';
import { createPodmanClient } from '../../../server/runtime/runtimes/podman.ts';
import type { RuntimeClient } from '../../../server/runtime/runtimes/runtime-pod.ts';
import { RuntimeSource } from '../../../server/runtime/runtimes/runtime-source.ts';
import { serveCri, serveHttp, temporaryFolder } from '../../testbed/runtime-servers.ts';

const id = (digit: string): string => digit.repeat(64);
const ownInode = statSync('/proc/self/ns/net').ino;
const list = (client: RuntimeClient) => {
  onTestFinished(() => client.close?.());
  return client.list(AbortSignal.timeout(20_000));
};

describe.each(['v1', 'v1alpha2'] as const)('CRI %s', (version) => {
  test('gives pods with their containers, ports and namespace', async () => {
    const socket = join(temporaryFolder(), 'cri.sock');
    await serveCri(socket, version, {
      Version: () => ({
        runtime_name: 'containerd',
        runtime_version: '1.6.20',
        runtime_api_version: version,
      }),
      ListPodSandbox: (request) => {
        expect(request).toMatchObject({ filter: { state: { state: 'SANDBOX_READY' } } });
        return {
          items: [
            {
              id: id('a'),
              metadata: { name: 'web-1', namespace: 'shop', uid: 'uid-1' },
              labels: { app: 'web' },
              annotations: { note: 'ü' },
            },
            { id: id('b'), metadata: { name: 'proxy', namespace: 'kube-system', uid: 'uid-2' } },
          ],
        };
      },
      ListContainers: () => ({
        containers: [
          {
            id: id('c'),
            pod_sandbox_id: id('a'),
            metadata: { name: 'old' },
            image: { image: 'sha256:1' },
            state: 'CONTAINER_EXITED',
          },
          {
            id: id('d'),
            pod_sandbox_id: id('a'),
            metadata: { name: 'nginx' },
            image: { image: 'sha256:2', user_specified_image: 'nginx:1.27' },
            state: 'CONTAINER_RUNNING',
          },
        ],
      }),
      PodSandboxStatus: ({ pod_sandbox_id: asked, verbose }) => {
        expect(verbose).toBe(true);
        if (asked === id('b'))
          return {
            status: { linux: { namespaces: { options: { network: 'NODE' } } } },
            info: { info: '{}' },
          };
        return {
          status: { linux: { namespaces: { options: { network: 'POD' } } } },
          info: {
            info: JSON.stringify({
              pid: 1,
              config: { port_mappings: [{ container_port: 80, host_port: 8080 }, { container_port: 9 }] },
              runtimeSpec: { linux: { namespaces: [{ type: 'network', path: '/proc/self/ns/net' }] } },
            }),
          },
        };
      },
    });
    expect(await list(createCriClient(socket))).toEqual({
      name: 'containerd',
      version: '1.6.20',
      partial: false,
      pods: [
        {
          id: id('a'),
          containerIds: [id('a'), id('c'), id('d')],
          inode: ownInode,
          hostNetwork: false,
          namespace: 'shop',
          name: 'web-1',
          uid: 'uid-1',
          labels: { app: 'web' },
          annotations: { note: 'ü' },
          image: 'nginx:1.27',
          containers: [
            { id: id('c'), name: 'old', image: 'sha256:1', state: 'exited' },
            { id: id('d'), name: 'nginx', image: 'nginx:1.27', state: 'running' },
          ],
          publishedPorts: [
            { protocol: 'tcp', hostAddress: null, hostPort: 8080, podAddress: null, podPort: 80 },
          ],
        },
        expect.objectContaining({ id: id('b'), hostNetwork: true, inode: null, name: 'proxy' }),
      ],
    });
  });
});

describe('CRI', () => {
  const nothing = { ListContainers: () => ({}), PodSandboxStatus: () => ({}) };

  test('leaves out what it cannot read, and a sandbox that ended in between', async () => {
    const socket = join(temporaryFolder(), 'cri.sock');
    await serveCri(socket, 'v1', {
      ...nothing,
      Version: () => ({}),
      ListPodSandbox: () => ({ items: [{ id: '' }, { id: id('e') }, { id: id('f') }] }),
      PodSandboxStatus: ({ pod_sandbox_id: asked }) => {
        if (asked === id('e')) throw { code: 5, details: 'not found' };
        return { info: { info: 'no JSON' } };
      },
    });
    const { name, version, pods } = await list(createCriClient(socket));
    expect({ name, version }).toEqual({ name: 'cri', version: null });
    expect(pods.map((pod) => [pod.id, pod.name, pod.inode])).toEqual([
      [id('e'), id('e').slice(0, 12), null],
      [id('f'), id('f').slice(0, 12), null],
    ]);
  });

  test('asks for details of many sandboxes bit by bit', async () => {
    const socket = join(temporaryFolder(), 'cri.sock');
    let asked = 0;
    await serveCri(socket, 'v1', {
      ...nothing,
      Version: () => ({ runtime_name: 'cri-o' }),
      ListPodSandbox: () => ({ items: Array.from({ length: 40 }, (_, i) => ({ id: `sandbox${i}` })) }),
      PodSandboxStatus: () => {
        asked++;
        return {};
      },
    });
    const client = createCriClient(socket);
    expect(await list(client)).toMatchObject({ partial: true });
    expect(asked).toBe(32);
    expect(await list(client)).toMatchObject({ partial: false });
    expect(asked).toBe(40);
  });

  test('gives up a runtime that does not answer', async () => {
    const socket = join(temporaryFolder(), 'cri.sock');
    await serveCri(socket, 'v1', { Version: () => undefined });
    const client = createCriClient(socket);
    onTestFinished(() => client.close?.());
    await expect(client.list(AbortSignal.timeout(200))).rejects.toThrow(/timeout/i);
  });
});

describe('Docker', () => {
  const container = (digit: string, more: object = {}) => ({
    Id: id(digit),
    Names: [`/c${digit}`],
    Image: 'busybox',
    State: 'running',
    Labels: { app: 'web', bad: 7 },
    HostConfig: { NetworkMode: 'bridge' },
    Ports: [],
    ...more,
  });

  test('gives containers; those that join a network belong to its owner', async () => {
    const socket = join(temporaryFolder(), 'docker.sock');
    await serveHttp(socket, {
      '/version': { Version: '20.10.24', Components: [{ Name: 'Engine' }] },
      '/containers/json': [
        container('a', {
          Ports: [
            { IP: '0.0.0.0', PrivatePort: 80, PublicPort: 8080, Type: 'tcp' },
            { IP: '::', PrivatePort: 80, PublicPort: 8080, Type: 'tcp' },
            { IP: '127.0.0.1', PrivatePort: 53, PublicPort: 53, Type: 'udp' },
            { PrivatePort: 9000, Type: 'tcp' },
          ],
        }),
        container('b', { HostConfig: { NetworkMode: `container:${id('a')}` } }),
        container('c', { HostConfig: { NetworkMode: 'host' } }),
        container('d', { HostConfig: { NetworkMode: 'none' } }),
        { Names: ['/without-id'] },
        'nonsense',
      ],
      [`/containers/${id('a')}/json`]: {
        State: { Pid: process.pid },
        NetworkSettings: { SandboxKey: '/run/docker/netns/not-there' },
      },
    });
    const { name, version, pods } = await list(createDockerClient(socket));
    expect({ name, version }).toEqual({ name: 'docker', version: '20.10.24' });
    expect(pods).toEqual([
      {
        id: id('a'),
        containerIds: [id('a'), id('b')],
        inode: ownInode,
        hostNetwork: false,
        namespace: null,
        name: 'ca',
        uid: null,
        labels: { app: 'web' },
        annotations: {},
        image: 'busybox',
        containers: [
          { id: id('a'), name: 'ca', image: 'busybox', state: 'running' },
          { id: id('b'), name: 'cb', image: 'busybox', state: 'running' },
        ],
        publishedPorts: [
          { protocol: 'tcp', hostAddress: null, hostPort: 8080, podAddress: null, podPort: 80 },
          { protocol: 'udp', hostAddress: '127.0.0.1', hostPort: 53, podAddress: null, podPort: 53 },
        ],
      },
      expect.objectContaining({ id: id('c'), hostNetwork: true }),
    ]);
  });

  test('a container that ended in between has no namespace', async () => {
    const socket = join(temporaryFolder(), 'docker.sock');
    await serveHttp(socket, { '/version': {}, '/containers/json': [container('a')] });
    const { pods } = await list(createDockerClient(socket));
    expect(pods).toMatchObject([{ id: id('a'), inode: null }]);
  });

  test.each([
    ['no JSON', (_: unknown, response: { end(text: string): void }) => response.end('<html>')],
    ['an error', undefined],
  ])('an answer that is %s is an error with the path', async (_, answer) => {
    const socket = join(temporaryFolder(), 'docker.sock');
    await serveHttp(socket, { '/version': {}, '/containers/json': answer });
    await expect(list(createDockerClient(socket))).rejects.toThrow(/GET \/containers\/json/);
  });
});

test('Podman gives pods of several containers as one, and knows those in the node’s network', async () => {
  const socket = join(temporaryFolder(), 'podman.sock');
  await serveHttp(socket, {
    '/v4.0.0/libpod/version': { Version: '4.3.1' },
    '/v4.0.0/libpod/containers/json': [
      { Id: id('1'), Names: ['infra'], Pod: id('p'), PodName: 'shop', IsInfra: true, Pid: 0, Image: 'pause' },
      {
        Id: id('2'),
        Names: ['web'],
        Pod: id('p'),
        PodName: 'shop',
        Pid: 0,
        Image: 'nginx',
        Labels: { app: 'web' },
        Ports: [{ container_port: 80, host_port: 8080, range: 2, protocol: 'tcp,udp', host_ip: '' }],
      },
      { Id: id('3'), Names: ['host'], Pod: '', Pid: process.pid, Image: 'agent', Ports: null },
    ],
  });
  const { version, pods } = await list(createPodmanClient(socket));
  expect(version).toBe('4.3.1');
  expect(pods).toMatchObject([
    {
      id: id('p'),
      containerIds: [id('1'), id('2')],
      name: 'shop',
      image: 'nginx',
      labels: { app: 'web' },
      containers: [{ name: 'web' }],
      publishedPorts: [
        { protocol: 'tcp', hostPort: 8080, podPort: 80 },
        { protocol: 'tcp', hostPort: 8081, podPort: 81 },
        { protocol: 'udp', hostPort: 8080, podPort: 80 },
        { protocol: 'udp', hostPort: 8081, podPort: 81 },
      ],
    },
    { id: id('3'), name: 'host', hostNetwork: true },
  ]);
});

test('the CNI cache gives attachments, several of a container as one, and reads a file again when it changes', async () => {
  const folder = temporaryFolder();
  const file = (name: string, content: object | string): void =>
    writeFileSync(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content));
  const cached = {
    kind: 'cniCacheV1',
    containerId: id('a'),
    ifName: 'eth0',
    netns: '/proc/self/ns/net',
    cniArgs: [['K8S_POD_NAMESPACE', 'shop'], ['K8S_POD_NAME', 'web-1'], ['K8S_POD_UID', 'uid-1'], ['odd']],
    capabilityArgs: {
      portMappings: [{ hostPort: 8080, containerPort: 80, protocol: 'TCP', hostIP: '192.0.2.1' }],
      'io.kubernetes.cri.pod-annotations': { 'podlane.io/device': 'netkit' },
    },
    result: {},
  };
  file('shop-a-eth0', cached);
  file('shop-a-net1', { ...cached, ifName: 'net1', capabilityArgs: {} });
  file('old', {
    kind: 'cniCacheV1',
    containerId: 'short',
    result: { interfaces: [{ name: 'veth1' }, { name: 'eth0', sandbox: '/proc/self/ns/net' }] },
  });
  file('broken', '{');
  file('foreign', { kind: 'other', containerId: 'x' });
  mkdirSync(join(folder, 'folder'));
  const client = createCniCacheClient(folder);
  expect((await list(client)).pods.toSorted((a, b) => a.id.length - b.id.length)).toMatchObject([
    { id: 'short', name: 'short', inode: ownInode, publishedPorts: [] },
    {
      id: id('a'),
      containerIds: [id('a')],
      namespace: 'shop',
      name: 'web-1',
      uid: 'uid-1',
      inode: ownInode,
      annotations: { 'podlane.io/device': 'netkit' },
      publishedPorts: [{ protocol: 'tcp', hostAddress: '192.0.2.1', hostPort: 8080, podPort: 80 }],
    },
  ]);
  rmSync(join(folder, 'old'));
  expect((await list(client)).pods).toHaveLength(1);
});

describe('a source', () => {
  const follow = (client: RuntimeClient) => {
    const changed = vi.fn();
    const failed = vi.fn();
    const source = new RuntimeSource(client, changed, failed);
    onTestFinished(async () => {
      await source.close();
      expect(failed).not.toHaveBeenCalled();
    });
    source.start();
    return source;
  };

  test('hears of a change by an event, and keeps the pods of a runtime that goes away', async () => {
    const socket = join(temporaryFolder(), 'docker.sock');
    const containers = [{ Id: id('a'), Names: ['/one'], HostConfig: { NetworkMode: 'host' } }];
    let tell: (() => void) | null = null;
    const answers = {
      '/version': { Version: '1' },
      '/containers/json': (_: unknown, response: { end(text: string): void }) =>
        response.end(JSON.stringify(containers)),
      '/events': (_: unknown, response: { write(text: string): void }) => {
        response.write('\n');
        tell = () => response.write('{"Type":"container"}\n');
      },
    };
    const server = await serveHttp(socket, answers);
    const source = follow(createDockerClient(socket));
    await vi.waitFor(() => expect(source.pods).toHaveLength(1), 10_000);
    expect(source.describe()).toMatchObject({
      state: 'connected',
      name: 'docker',
      version: '1',
      detail: null,
    });
    await vi.waitFor(() => expect(tell).not.toBeNull(), 10_000);
    containers.push({ Id: id('b'), Names: ['/two'], HostConfig: { NetworkMode: 'host' } });
    tell!();
    await vi.waitFor(() => expect(source.pods).toHaveLength(2), 10_000);
    server.close();
    source.refresh();
    await vi.waitFor(() => expect(source.connected).toBe(false), 10_000);
    expect(source.pods).toHaveLength(2);
    expect(source.findByContainer(id('b'))).toMatchObject({ name: 'two' });
    await serveHttp(socket, answers).catch(() => undefined);
    await vi.waitFor(() => expect(source.connected).toBe(true), 15_000);
  });

  test('says why a runtime is unreachable, or that it is not there', async () => {
    const folder = temporaryFolder();
    const broken = join(folder, 'broken.sock');
    await serveHttp(broken, {
      '/version': (_: unknown, response: { end(text: string): void }) => response.end('['),
    });
    const source = follow(createDockerClient(broken));
    await vi.waitFor(() => expect(source.describe().state).toBe('unreachable'), 10_000);
    expect(source.describe().detail).toMatch(/GET \/version: the answer is not JSON/);
    const missing = follow(createDockerClient(join(folder, 'missing.sock')));
    await sleep(50);
    expect(missing.describe()).toMatchObject({ state: 'absent', detail: null });
  });
});

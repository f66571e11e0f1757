import { describe, expect, test } from 'vitest';
import { chooseControlGroup, parseControlGroup } from '../../../server/kernel/control-groups.ts';
import { identifyPod, listContainerIds } from '../../../server/runtime/identity.ts';
import type { NamedPod } from '../../../server/runtime/runtimes/container-runtimes.ts';
import type { RuntimePod } from '../../../server/runtime/runtimes/runtime-pod.ts';

const id = 'abcdef0123456789'.repeat(4);
const uid = '12345678-1234-1234-1234-1234567890ab';

describe('a control group', () => {
  test.each([
    [`/docker/${id}`, { container: id, runtime: 'docker', podUid: null }],
    [`/system.slice/docker-${id}.scope`, { container: id, runtime: 'docker', podUid: null }],
    [`/libpod_parent/libpod-${id}`, { container: id, runtime: 'podman', podUid: null }],
    [`/machine.slice/libpod-${id}.scope/container`, { container: id, runtime: 'podman', podUid: null }],
    [`/k8s.io/${id}`, { container: id, runtime: 'containerd', podUid: null }],
    [`/kubepods/burstable/pod${uid}/${id}`, { container: id, runtime: null, podUid: uid }],
    [
      `/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod${uid.replaceAll('-', '_')}.slice/cri-containerd-${id}.scope`,
      { container: id, runtime: 'containerd', podUid: uid },
    ],
    [
      `/kubepods.slice/kubepods-pod${uid.replaceAll('-', '_')}.slice/crio-${id}.scope`,
      { container: id, runtime: 'cri-o', podUid: uid },
    ],
    ['/lxc.payload.db1/init.scope', { container: 'db1', runtime: 'lxc', podUid: null }],
    ['/machine.slice/machine-build.scope', { container: 'build', runtime: 'systemd-nspawn', podUid: null }],
    ['/user.slice/user-0.slice', { container: null, runtime: null, podUid: null }],
    ['/', { container: null, runtime: null, podUid: null }],
  ])('%s', (path, expected) => {
    expect(parseControlGroup(path)).toEqual(expected);
  });

  test('is that of version 2, or the line that names a container', () => {
    expect(chooseControlGroup(`0::/docker/${id}\n`)).toBe(`/docker/${id}`);
    expect(chooseControlGroup(`12:pids:/a\n1:name=systemd:/docker/${id}\n0::/\n`)).toBe(`/docker/${id}`);
    expect(chooseControlGroup('2:cpu:/x\n0::/system.slice\n')).toBe('/system.slice');
    expect(chooseControlGroup('')).toBeNull();
  });
});

describe('a pod is named', () => {
  const evidence = {
    inode: 7,
    mounts: [] as string[],
    controlGroups: [] as string[],
    command: null as string | null,
  };
  const known = (kind: string, pod: Partial<RuntimePod>, connected = true): NamedPod =>
    ({
      source: {
        client: { kind, path: `/run/${kind}.sock` },
        name: kind === 'cri' ? 'containerd' : kind,
        connected,
      },
      pod: {
        id,
        containerIds: [],
        inode: null,
        hostNetwork: false,
        namespace: null,
        name: kind,
        uid: null,
        labels: {},
        annotations: {},
        image: null,
        containers: [],
        publishedPorts: [],
        ...pod,
      },
    }) as unknown as NamedPod;
  const port = { protocol: 'tcp', hostAddress: null, hostPort: 80, podAddress: null, podPort: 80 };

  test('by the most trusted runtime, with what others know beside', () => {
    expect(
      identifyPod(evidence, [
        known('cri', { name: 'web', namespace: 'shop', annotations: { a: '1' } }),
        known('cni', { name: 'other', annotations: { a: '2', b: '3' }, publishedPorts: [port] }),
      ]),
    ).toMatchObject({
      name: 'web',
      namespace: 'shop',
      identifiedBy: 'cri',
      runtime: { name: 'containerd', socket: '/run/cri.sock', connected: true },
      annotations: { a: '1', b: '3' },
      publishedPorts: [port],
    });
  });

  test('by a runtime that does not answer now, which is said', () => {
    expect(identifyPod(evidence, [known('docker', {}, false)]).runtime).toEqual({
      name: 'docker',
      socket: '/run/docker.sock',
      connected: false,
    });
  });

  test('by the cache of CNI, with the runtime that its control group names', () => {
    const group = { ...evidence, controlGroups: [`/libpod_parent/libpod-${id}`] };
    expect(identifyPod(group, [known('cni', { name: 'web' })])).toMatchObject({
      name: 'web',
      identifiedBy: 'cni',
      runtime: { name: 'podman', socket: null },
    });
  });

  test.each([
    ['the name of its namespace', { mounts: ['/run/netns/blue'], command: 'sh' }, 'blue', 'netns'],
    [
      'its container where the name is generated',
      { mounts: [`/run/netns/cni-${uid}`], controlGroups: [`/k8s.io/${id}`] },
      id.slice(0, 12),
      'cgroup',
    ],
    [
      'the generated name where nothing else is known',
      { mounts: [`/run/netns/cni-${uid}`] },
      `cni-${uid}`,
      'netns',
    ],
    ['its LXC container', { controlGroups: ['/lxc.payload.db1'], command: 'init' }, 'db1', 'cgroup'],
    ['its first process', { command: 'sleep' }, 'sleep', 'process'],
    ['its inode', {}, 'ns-7', 'inode'],
  ])('by %s', (_, more, name, identifiedBy) => {
    expect(identifyPod({ ...evidence, ...more }, [])).toMatchObject({ name, identifiedBy });
  });

  test('ids of containers are listed once', () => {
    expect(listContainerIds([`/docker/${id}`, `/docker/${id}/sub`, '/none'])).toEqual([id]);
  });
});

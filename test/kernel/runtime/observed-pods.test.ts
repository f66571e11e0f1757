import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestNode, type TestNode } from '../../testbed/node.ts';
import {
  addForeignNamespace,
  connectByVeth,
  findObserved,
  ip,
  listObserved,
  readSettledCounters,
} from '../../testbed/observed-pods.ts';
import { pollUntil } from '../../testbed/poll.ts';

let node: TestNode;

beforeAll(async () => {
  node = await startTestNode(['--observe', 'programs', '--cni-cache', 'none']);
});
afterAll(async () => {
  await node?.[Symbol.asyncDispose]();
});

const appear = (id: string) =>
  pollUntil(
    () => findObserved(node, id),
    (pod) => pod !== null,
  );
const vanish = (id: string) =>
  pollUntil(
    () => findObserved(node, id),
    (pod) => pod === null,
  );
const observePins = (): string[] => readdirSync(join(node.pins, 'observe/links')).sort();

describe('a namespace that others connect with the node', () => {
  test('appears with its host end, is counted packet by packet, and leaves nothing when it ends', async () => {
    const web = addForeignNamespace(node, 'web');
    connectByVeth(node, web, { hostEnd: 'vweb', address: '10.60.0.2', gateway: '10.60.0.1' });
    const found = await appear(web.id);
    const hostIndex = JSON.parse(ip(node, '-j link show vweb'))[0].ifindex as number;
    expect(found).toMatchObject({
      inode: web.inode,
      name: web.name,
      identifiedBy: 'netns',
      kind: 'veth',
      hostNetwork: false,
      processes: 0,
      netns: { path: web.path, mounts: [web.path] },
      interfaces: [
        {
          name: 'eth0',
          hostEnd: { name: 'vweb', ifindex: hostIndex, bridge: null },
          countedBy: 'programs',
          countedByReason: null,
          programs: [
            { hook: 'tcx/ingress', name: 'observe_egress', ours: true, position: 0 },
            { hook: 'tcx/egress', name: 'observe_ingress', ours: true, position: 0 },
          ],
        },
      ],
    });
    expect(observePins()).toEqual([`${hostIndex}-tcx-egress`, `${hostIndex}-tcx-ingress`]);
    await pollUntil(
      () => findObserved(node, web.id),
      (pod) => pod!.addresses.includes('10.60.0.2/24') && pod!.interfaces[0]!.up,
    );
    // Neighbor and router discovery has ended.
    ip(node, 'link set eth0 addrgenmode none', web.path);
    node.run(['ping', '-q', '-c', '1', '10.60.0.2']);
    const before = await readSettledCounters(node, web.id);
    node.run(['ping', '-q', '-c', '40', '-i', '0.01', '-s', '100', '10.60.0.2']);
    const after = await readSettledCounters(node, web.id);
    // 20 bytes of IPv4, 8 of ICMP; ARP adds packets at will.
    expect(after!.ingressPackets - before!.ingressPackets).toBeGreaterThanOrEqual(40);
    expect(after!.ingressPackets - before!.ingressPackets).toBeLessThanOrEqual(44);
    expect(after!.egressPackets - before!.egressPackets).toBeGreaterThanOrEqual(40);
    expect(after!.ingressBytes - before!.ingressBytes).toBeGreaterThanOrEqual(40 * 128);
    expect(after!.ingressBytes - before!.ingressBytes).toBeLessThanOrEqual(40 * 128 + 4 * 28);
    node.removeNamespace('web');
    await vanish(web.id);
    await pollUntil(
      async () => observePins(),
      (pins) => pins.length === 0,
    );
  });

  test('appears within a second', async () => {
    const times: number[] = [];
    for (let i = 0; i < 5; i++) {
      const pod = addForeignNamespace(node, `quick${i}`);
      const begun = performance.now();
      ip(node, `link add vq${i} type veth peer name eth0 netns ${pod.name}`);
      await appear(pod.id);
      times.push(performance.now() - begun);
      node.removeNamespace(`quick${i}`);
    }
    expect(Math.min(...times)).toBeLessThan(1000);
  });

  test('is found by its process, whether that began in it or entered it later', async () => {
    const child = spawn('unshare', ['--net', 'sleep', '1000'], { stdio: 'ignore' });
    // It waits on standard input before it leaves the node's namespace.
    const late = spawn(
      'nsenter',
      [`--net=${node.host}`, 'sh', '-c', 'read go; exec unshare --net sleep 1000'],
      {
        stdio: ['pipe', 'ignore', 'ignore'],
      },
    );
    try {
      const inodeOf = (pid: number): number => statSync(`/proc/${pid}/ns/net`).ino;
      const hostInode = statSync(node.host).ino;
      await pollUntil(
        async () => inodeOf(child.pid!),
        (inode) => inode !== statSync('/proc/self/ns/net').ino,
      );
      ip(node, 'link add vproc type veth peer name vprocp');
      ip(node, `link set vprocp netns ${child.pid}`);
      expect(await appear(`ns-${inodeOf(child.pid!)}`)).toMatchObject({
        identifiedBy: 'process',
        name: 'sleep',
        processes: 1,
        members: [{ pid: child.pid, command: 'sleep' }],
        netns: { mounts: [] },
      });
      // Long after the agent has looked at it for the last time as a young process.
      await new Promise((resolve) => setTimeout(resolve, 4000));
      late.stdin!.write('\n');
      await pollUntil(
        async () => inodeOf(late.pid!),
        (inode) => inode !== hostInode,
      );
      ip(node, 'link add vlate type veth peer name vlatep');
      ip(node, `link set vlatep netns ${late.pid}`);
      expect(await appear(`ns-${inodeOf(late.pid!)}`)).toMatchObject({ members: [{ command: 'sleep' }] });
      const ids = [child, late].map(({ pid }) => `ns-${inodeOf(pid!)}`);
      const ended = [once(child, 'exit'), once(late, 'exit')];
      child.kill();
      late.kill();
      await Promise.all(ended);
      for (const id of ids) await vanish(id);
    } finally {
      child.kill('SIGKILL');
      late.kill('SIGKILL');
    }
  });

  test('shows each of several interfaces, and pods with the same address as such', async () => {
    const [one, two] = [addForeignNamespace(node, 'one'), addForeignNamespace(node, 'two')];
    for (const [index, pod] of [one, two].entries())
      connectByVeth(node, pod, { hostEnd: `vsame${index}`, address: '10.61.0.2', gateway: '10.61.0.1' });
    connectByVeth(node, one, { hostEnd: 'vnet1', address: '10.62.0.2', gateway: '10.62.0.1', name: 'net1' });
    const pod = await pollUntil(
      () => findObserved(node, one.id),
      (each) => each?.interfaces.length === 2 && each.sameAddress.length > 0 && each.addresses.length === 2,
    );
    expect(pod!.interfaces.map(({ name, hostEnd }) => [name, hostEnd?.name])).toEqual([
      ['eth0', 'vsame0'],
      ['net1', 'vnet1'],
    ]);
    expect(pod!.sameAddress).toEqual([{ id: two.id, address: '10.61.0.2/24' }]);
    const summaries = await listObserved(node);
    expect(summaries.filter(({ addresses }) => addresses.includes('10.61.0.2/24'))).toHaveLength(2);
    // One interface goes, and with it its host end; the pod stays.
    ip(node, 'link delete vnet1');
    await pollUntil(
      () => findObserved(node, one.id),
      (each) => each?.interfaces.length === 1,
    );
    expect(observePins()).toHaveLength(4);
    node.removeNamespace('one');
    node.removeNamespace('two');
    await vanish(one.id);
    await vanish(two.id);
  });

  test('on a macvlan is counted by statistics, and says why', async () => {
    ip(node, 'link add parent0 type veth peer name parent1');
    ip(node, 'link set parent0 up');
    ip(node, 'link set parent1 up');
    for (const mode of ['bridge', 'private'] as const) {
      const kind = 'macvlan';
      const pod = addForeignNamespace(node, kind);
      ip(node, `link add link parent0 name ${kind}0 netns ${pod.name} type ${kind} mode ${mode}`);
      ip(node, `address add 10.63.0.2/24 dev ${kind}0`, pod.path);
      ip(node, `link set ${kind}0 up`, pod.path);
      expect(
        await pollUntil(
          () => findObserved(node, pod.id),
          (each) => each !== null && each.addresses.length > 0,
        ),
      ).toMatchObject({
        kind,
        hostEnd: null,
        countedBy: 'statistics',
        interfaces: [
          {
            name: `${kind}0`,
            mode,
            parent: { name: 'parent0' },
            hostEnd: null,
            countedBy: 'statistics',
            countedByReason: `a ${kind} has no end of its own on the node`,
            countedSince: null,
          },
        ],
      });
      const sent = (await findObserved(node, pod.id))!.counters?.egressPackets ?? 0;
      // Nobody has the address: what leaves are questions for it.
      spawnSync('nsenter', [`--net=${pod.path}`, 'ping', '-c', '1', '-w', '1', '10.63.0.9']);
      await pollUntil(
        () => findObserved(node, pod.id),
        (each) => (each!.counters?.egressPackets ?? 0) > sent,
      );
      node.removeNamespace(kind);
      await vanish(pod.id);
    }
    ip(node, 'link delete parent0');
  });

  test('is none of Podlane’s own pods, and becomes one when it is attached', async () => {
    const pod = await node.addPod('own', '10.42.0.9/32', 'veth');
    const other = addForeignNamespace(node, 'mine');
    connectByVeth(node, other, {
      hostEnd: 'vmine',
      address: '10.64.0.2',
      gateway: '10.64.0.1',
      name: 'net0',
    });
    await appear(other.id);
    expect(await findObserved(node, `ns-${pod.netns.inode}`)).toBeNull();
    const attached = await node.ask<{ id: string }>('POST', '/pods', {
      namespace: 'shop',
      name: 'mine',
      netns: other.path,
      addresses: ['10.42.0.10/32'],
      kind: 'veth',
    });
    await vanish(other.id);
    await pollUntil(
      async () => observePins(),
      (pins) => pins.length === 0,
    );
    await node.ask('DELETE', `/pods/${attached.id}`);
    expect((await appear(other.id))!.interfaces.map(({ name }) => name)).toEqual(['net0']);
    await node.ask('DELETE', `/pods/${pod.id}`);
    node.removeNamespace('mine');
    await vanish(other.id);
  });

  test('has no name for what does not exist', async () => {
    await expect(node.ask('GET', '/observed-pods/ns-1')).rejects.toMatchObject({
      code: 'observed_pod_not_found',
    });
    await expect(node.ask('GET', '/observed-pods/nothing')).rejects.toMatchObject({
      code: 'observed_pod_not_found',
    });
    expect(existsSync(join(node.pins, 'observe/counters'))).toBe(true);
  });
});

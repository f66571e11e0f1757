import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DeviceKind } from '../../contract/device.ts';
import type { PodDrops } from '../../contract/drops.ts';
import type { NodeInfo } from '../../contract/node.ts';
import type { Pod } from '../../contract/pod.ts';
import type { RuleSetInput } from '../../contract/rule-set.ts';
import type { ActiveRules } from '../../contract/rules.ts';
import { openTestConnection, type TestConnection } from '../testbed/connection.ts';
import { expectIproute2Agrees } from '../testbed/iproute2-oracle.ts';
import { ping, startTestNode, type TestNode } from '../testbed/node.ts';

let node: TestNode;
let connection: TestConnection;
let moved: Pod;
let still: Pod;
beforeAll(async () => {
  node = await startTestNode();
  moved = await node.addPod('moved', '10.42.0.2/32');
  still = await node.addPod('still', '10.42.0.3/32');
  connection = await openTestConnection(still.netns.path, moved.netns.path, '10.42.0.2');
});
afterAll(async () => {
  connection?.[Symbol.dispose]();
  await node?.[Symbol.asyncDispose]();
});

const podNow = (): Promise<Pod> => node.ask<Pod>('GET', '/pods/shop.moved');

interface NetShow {
  tc: { devname: string; ifindex: number; kind: string; name: string; prog_id: number }[];
}

/** bpftool on the guest's PATH is 7.5, which knows tcx and netkit. */
function bpftoolHooks(primary: string): string[] {
  const [shown] = JSON.parse(
    execFileSync('nsenter', [`--net=${node.host}`, 'bpftool', '-j', 'net', 'show'], { encoding: 'utf8' }),
  ) as NetShow[];
  return shown!.tc
    .filter((each) => each.devname === primary)
    .map((each) => `${each.kind} ${each.prog_id}`)
    .sort();
}

const agentHooks = (pod: Pod): string[] =>
  pod.device!.programs.map((each) => `${each.hook} ${each.id}`).sort();

test('a new pod gets netkit where the kernel has it: L3, its peer closed without a program', async () => {
  const { capabilities } = await node.ask<NodeInfo>('GET', '/node');
  expect(capabilities.filter((each) => !each.available)).toEqual([]);
  expect(moved.kind).toBe('netkit');
  expect(moved.device).toMatchObject({ mode: 'l3', policy: { primary: 'forward', peer: 'blackhole' } });
  expectIproute2Agrees(node, moved);
  expect(agentHooks(moved)).toEqual(bpftoolHooks(moved.primary.name));
});

const rules: RuleSetInput = {
  name: 'some',
  defaults: { ingress: 'deny' },
  rules: [
    { name: 'pings', direction: 'ingress', subject: { all: true }, protocol: 'icmp', action: 'allow' },
    {
      name: 'echo',
      direction: 'ingress',
      subject: { pod: 'shop.moved' },
      protocol: 'tcp',
      ports: [{ from: 7000 }],
      action: 'allow',
    },
  ],
};

let denied = 1;
/** Sends a datagram that no rule allows. @returns packets that rules denied so far */
async function deniedPackets(): Promise<number> {
  node.run(['bash', '--norc', '-c', 'echo > /dev/udp/10.42.0.2/9'], still.netns.path);
  const { ours } = await node.ask<PodDrops>('GET', '/pods/shop.moved/drops');
  return ours.find(({ reason }) => reason === 'denied')?.packets ?? 0;
}

test('access rules deny on netkit what they do not allow, and leave a connection alone', async () => {
  expect(await node.ask<ActiveRules>('PUT', '/rules', rules)).toMatchObject({ problem: null, version: 1 });
  expect(await deniedPackets()).toBe(1);
  await connection.carries();
});

test.each<DeviceKind>(['veth', 'netkit'])(
  'moved to %s, it loses no packet and no connection, and its rules hold',
  async (to) => {
    const before = denied;
    const pinging = [ping(still.netns.path, '10.42.0.2', 600), ping(moved.netns.path, '10.42.0.3', 600)];
    await sleep(300);
    const migration = await node.migrate('shop.moved', to);
    expect(migration.state, migration.error?.detail).toBe('done');
    expect(migration.direction).toBe(to === 'veth' ? 'fallback' : 'promotion');
    expect((await Promise.all(pinging)).map((side) => side.lost)).toEqual([0, 0]);
    await connection.carries();

    denied = await deniedPackets();
    expect(denied).toBe(before + 1);

    const pod = await podNow();
    expect(pod.kind).toBe(to);
    expectIproute2Agrees(node, pod);
    expect(agentHooks(pod)).toEqual(bpftoolHooks(pod.primary.name));
  },
);

test('without an agent traffic goes on and is counted; a new one shows the same pods, no count gone back', async () => {
  const counted = async (): Promise<number> =>
    Number(
      /podlane_pod_packets_total\{[^}]*moved[^}]*direction="ingress"[^}]*\} (\d+)/.exec(
        await node.metrics(),
      )?.[1],
    );
  // Natively rules outlive an agent: here it would have a thread to start, which takes a guest long.
  await node.ask('DELETE', '/rules');
  const before = await counted();
  const pods = (await node.ask<{ items: Pod[] }>('GET', '/pods')).items.map((each) => [each.id, each.slot]);
  await node.killAgent();
  expect(await ping(still.netns.path, '10.42.0.2', 200)).toMatchObject({ sent: 200, lost: 0 });
  await connection.carries();
  await node.startAgent();
  expect(
    (await node.ask<{ items: Pod[] }>('GET', '/pods')).items.map((each) => [each.id, each.slot]),
  ).toEqual(pods);
  expect(await counted()).toBeGreaterThanOrEqual(before + 200);
});

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { Build, BuildActivation } from '../../contract/build.ts';
import type { DeviceKind } from '../../contract/device.ts';
import type { Pod } from '../../contract/pod.ts';
import type { PodPath } from '../../contract/pod-path.ts';
import { anotherBuild, exampleObject, SigningKey } from '../testbed/builds.ts';
import { expectIproute2Agrees } from '../testbed/iproute2-oracle.ts';
import { ping, startTestNode, type TestNode } from '../testbed/node.ts';
import {
  expectEchoesCaptured,
  expectEchoesTraced,
  expectLostTraced,
  type TracedPod,
} from '../testbed/trace.ts';

let node: TestNode;
let trust: string;
let layer2: Pod;
let layer3: Pod;
beforeAll(async () => {
  trust = mkdtempSync(join(tmpdir(), 'podlane-trust-'));
  node = await startTestNode(['--trust', trust]);
  layer2 = await node.addPod('layer2', ['10.42.0.2/32', 'fd42::2/128', 'fd42::20/128'], {
    mtu: 1400,
    netkit: {
      mode: 'l2',
      policy: { primary: 'forward', peer: 'blackhole' },
      scrub: { primary: 'none', peer: 'none' },
    },
    macs: { primary: '02:00:00:00:bb:01', peer: '02:00:00:00:bb:02' },
  });
  layer3 = await node.addPod('layer3', ['10.42.0.3/32', 'fd42::3/128']);
});
afterAll(async () => {
  await node?.[Symbol.asyncDispose]();
  rmSync(trust, { recursive: true });
});

const podNow = (name: string): Promise<Pod> => node.ask<Pod>('GET', `/pods/shop.${name}`);
const answers = (from: Pod, address: string): void =>
  expect(node.run(['ping', '-c', '3', '-i', '0.02', '-W', '2', address], from.netns.path)).toContain(
    ' 0% packet loss',
  );

test('netkit in mode l2 has the MACs, policies and scrub it was given, and neighbors', async () => {
  expect(layer2.device).toMatchObject({
    kind: 'netkit',
    mode: 'l2',
    policy: { primary: 'forward', peer: 'blackhole' },
    primary: { mac: '02:00:00:00:bb:01', mtu: 1400 },
    peer: { mac: '02:00:00:00:bb:02', mtu: 1400 },
  });
  // Kernels before 6.13 do not tell the scrub.
  if (layer2.device?.scrub) expect(layer2.device.scrub).toEqual({ primary: 'none', peer: 'none' });
  expect(layer2.neighbors.pod.map((each) => `${each.address} ${each.mac} ${each.state}`).sort()).toEqual([
    '169.254.1.1 02:00:00:00:bb:01 PERMANENT',
    'fe80::1 02:00:00:00:bb:01 PERMANENT',
  ]);
  expectIproute2Agrees(node, layer2);
  expectIproute2Agrees(node, layer3);
});

test('modes l2 and l3 reach each other over both families, by redirect', async () => {
  for (const address of ['10.42.0.3', 'fd42::3']) answers(layer2, address);
  for (const address of ['10.42.0.2', 'fd42::2', 'fd42::20', 'fe80::1%eth0']) answers(layer3, address);
  node.run(['ping', '-6', '-c', '60', '-i', '0.05', 'fd42::3'], layer2.netns.path);
  const path = await node.ask<PodPath>('GET', '/pods/shop.layer2/path');
  expect(path.traffic?.redirected).toBeGreaterThan(0);
});

test('packets are traced through netkit hooks, to where they are lost, and captured', async () => {
  const two: TracedPod = { pod: await podNow('layer2'), addresses: ['10.42.0.2', 'fd42::2'] };
  const three: TracedPod = { pod: await podNow('layer3'), addresses: ['10.42.0.3', 'fd42::3'] };
  // The guard's echo requests would be traced as well.
  await node.ask('PUT', '/node/guard', { on: false });
  onTestFinished(() => node.ask('PUT', '/node/guard', { on: true }).then(() => {}));
  await expectEchoesTraced(node, two, three, 4);
  await expectEchoesTraced(node, three, two, 6);
  await expectLostTraced(node, three, two);
  await expectEchoesCaptured(node, three, two);
});

test.each<DeviceKind>(['veth', 'netkit'])(
  'a dual-stack pod in mode l2 moves to %s and keeps addresses, MACs and both families’ traffic',
  async (to) => {
    const before = await podNow('layer2');
    const pinging = [
      ping(layer3.netns.path, 'fd42::2', 400, 5),
      ping(layer2.netns.path, '10.42.0.3', 400, 5),
    ];
    const migration = await node.migrate('shop.layer2', to);
    expect(migration.state, JSON.stringify(migration.error)).toBe('done');
    expect((await Promise.all(pinging)).map((side) => side.lost)).toEqual([0, 0]);
    const after = await podNow('layer2');
    expect(after.kind).toBe(to);
    expect(after.device?.peer.mac).toBe('02:00:00:00:bb:02');
    expect(after.device?.peer.name).toBe('eth0');
    expect(after.routes.pod).toEqual(before.routes.pod);
    expect(after.neighbors.pod).toEqual(before.neighbors.pod);
    expectIproute2Agrees(node, after);
  },
);

test('attach fallback and back: programs move, no packet is lost, none goes by unchecked', async () => {
  const total = async (): Promise<number> =>
    Number(
      /podlane_pod_packets_total\{[^}]*pod="layer3"[^}]*direction="ingress"[^}]*\} (\d+)/.exec(
        await node.metrics(),
      )?.[1] ?? Number.NaN,
    );
  for (const to of ['primary', 'device'] as const) {
    const before = await total();
    const pinging = [
      ping(layer2.netns.path, '10.42.0.3', 400, 5),
      ping(layer3.netns.path, 'fd42::2', 400, 5),
    ];
    const { hooks, device } = await node.ask<Pod>('PUT', '/pods/shop.layer3/hooks', { to });
    expect(hooks).toBe(to === 'primary' ? 'tcx' : 'netkit');
    expect(device?.policy?.peer).toBe(to === 'primary' ? 'forward' : 'blackhole');
    expect(device?.programs.map((each) => each.hook)).toEqual(
      to === 'primary' ? ['tcx/ingress', 'tcx/egress'] : ['netkit/peer', 'netkit/primary'],
    );
    expect((await Promise.all(pinging)).map((side) => side.lost)).toEqual([0, 0]);
    // The metrics are of the last sample.
    await expect.poll(async () => (await total()) - before, { timeout: 20_000 }).toBeGreaterThanOrEqual(800);
    // A source that is not the pod's is dropped at either place.
    node.run(['ip', 'address', 'add', '10.9.9.9/32', 'dev', 'eth0'], layer3.netns.path);
    expect(() =>
      node.run(
        ['ping', '-c', '2', '-i', '0.05', '-W', '1', '-I', '10.9.9.9', '10.42.0.2'],
        layer3.netns.path,
      ),
    ).toThrow();
    node.run(['ip', 'address', 'delete', '10.9.9.9/32', 'dev', 'eth0'], layer3.netns.path);
  }
  await expect(node.ask('PUT', '/pods/shop.layer3/hooks', { to: 'device' })).rejects.toMatchObject({
    code: 'already_there',
  });
});

/** Who runs where packets leave layer3: the hook, then ours and users' programs by number, in their order. */
const leaving = async (): Promise<(string | number | undefined)[]> => {
  const { device } = await podNow('layer3');
  const programs = device!.programs.filter(({ hook }) => hook === 'netkit/peer' || hook === 'tcx/ingress');
  return [programs[0]?.hook, ...programs.map(({ ours, user }) => (ours ? 'ours' : user))];
};

test('a user’s programs run before and after ours on the peer’s hook', async () => {
  const object = readFileSync(exampleObject).toString('base64');
  for (const place of ['before', 'after'])
    await node.ask('POST', '/pods/shop.layer3/programs', {
      object,
      section: 'count_ports',
      hook: 'netkit/peer',
      place,
    });
  expect(await leaving()).toEqual(['netkit/peer', 1, 'ours', 2]);
  answers(layer3, '10.42.0.2');
});

test('another build takes the place of ours on netkit hooks under traffic, with no packet lost', async () => {
  const added = await node.ask<Build>('POST', '/builds', new SigningKey(trust).body(anotherBuild()));
  const pinging = ping(layer2.netns.path, '10.42.0.3', 400, 5);
  const activation = await node.ask<BuildActivation>('POST', `/builds/${added.sha256}/activation`);
  expect(activation).toMatchObject({ state: 'done', attachments: { replaced: 4 } });
  await node.ask('POST', '/builds/rollback');
  expect((await pinging).lost).toBe(0);
  expect(await leaving()).toEqual(['netkit/peer', 1, 'ours', 2]);
});

test('an agent killed after it moved the programs finds them where they are', async () => {
  await node.ask('PUT', '/pods/shop.layer3/hooks', { to: 'primary' });
  await node.killAgent();
  await node.startAgent();
  expect(await podNow('layer3')).toMatchObject({ hooks: 'tcx', kind: 'netkit', attention: [] });
  expect(await leaving()).toEqual(['tcx/ingress', 1, 'ours', 2]);
  answers(layer2, '10.42.0.3');
  const migration = await node.migrate('shop.layer3', 'veth');
  expect(migration.state, JSON.stringify(migration.error)).toBe('done');
  expect(await leaving()).toEqual(['tcx/ingress', 1, 'ours', 2]);
  expect((await node.migrate('shop.layer3', 'netkit')).state).toBe('done');
  expect(await leaving()).toEqual(['netkit/peer', 1, 'ours', 2]);
  expect(await podNow('layer3')).toMatchObject({
    hooks: 'netkit',
    device: { policy: { peer: 'blackhole' } },
  });
});

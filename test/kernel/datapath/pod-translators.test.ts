import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Pod } from '../../../contract/pod.ts';
import type { PathTranslator, PodPath } from '../../../contract/pod-path.ts';
import { listFilterActions } from '../../../server/datapath/network-state/filter-actions.ts';
import { rtmTypes } from '../../../server/netlink/message-constants.ts';
import { tcmsg } from '../../../server/netlink/netlink-structs.ts';
import { dumpRawObjects } from '../../../server/netlink/raw-object.ts';
import { NetlinkSocket } from '../../../server/netlink/socket.ts';
import { startTestNode, type TestNode } from '../../testbed/node.ts';

let node: TestNode;
let pod: Pod;
const foreign = new URL('../../testbed/foreign-program.ts', import.meta.url).pathname;

beforeAll(async () => {
  node = await startTestNode();
  pod = await node.addPod('cart', '10.42.0.2/32', { kind: 'veth' });
}, 60_000);
afterAll(async () => {
  await node?.[Symbol.asyncDispose]();
});

const listed = async (): Promise<PathTranslator[]> =>
  (await node.ask<PodPath>('GET', '/pods/shop.cart/path')).translators;
/** Attaches the test bed's program, whose name in the kernel is `podlane_probe`. */
const attach = (hook: string, anchor: 'head' | 'tail', ifindex = pod.device!.primary.ifindex) =>
  node.run([process.execPath, foreign, hook, String(ifindex), anchor, 'foreign']);
const tc = (...args: string[]) =>
  spawnSync('nsenter', [`--net=${node.host}`, 'tc', ...args], { encoding: 'utf8' });
const filter = (hook: 'ingress' | 'egress', ...action: string[]) =>
  tc(
    ...`filter add dev ${pod.device!.primary.name} ${hook} protocol ip u32 match u32 0 0`.split(' '),
    'action',
    ...action,
  );

test('programs of others are listed in the order that packets pass them, with what that means for redirected ones', async () => {
  expect(await listed()).toEqual([]);
  tc('qdisc', 'add', 'dev', pod.device!.primary.name, 'clsact');
  attach('tcx/ingress', 'head');
  attach('tcx/ingress', 'tail');
  attach('tc/ingress', 'tail');
  attach('tcx/egress', 'tail');
  const item = { interface: pod.device!.primary.name, what: 'program', name: 'podlane_probe' };
  expect(await listed()).toEqual([
    { ...item, hook: 'tcx/ingress', redirected: 'before' },
    { ...item, hook: 'tcx/ingress', redirected: 'bypassed' },
    { ...item, hook: 'tc/ingress', redirected: 'bypassed' },
    { ...item, hook: 'tcx/egress', redirected: 'passed' },
  ]);
});

// Kernels have these actions as modules, or not at all: then nobody can translate by them.
test.each([
  ['nat', 'nat ingress 10.42.0.2/32 10.42.0.9'],
  ['ct', 'ct commit nat dst addr 10.42.0.9 pipe'],
  ['pedit', 'pedit ex munge ip dst set 10.42.0.9'],
])('action %s is listed where the kernel has it', async (name, action) => {
  const { status, stderr } = filter('ingress', ...action.split(' '));
  const found = (await listed()).filter(({ what }) => what === 'action').map((each) => each.name);
  if (status === 0) {
    expect(found).toContain(name);
    expect((await listed()).find((each) => each.name === name)).toMatchObject({
      hook: 'tc/ingress',
      redirected: 'bypassed',
    });
  } else {
    expect(stderr).toMatch(/TC action|not supported|Unknown action/);
    expect(found).not.toContain(name);
  }
});

test('all actions of a filter are read, and those that only send packets elsewhere are not listed', async () => {
  const before = await listed();
  const mirror = 'mirred egress mirror dev lo pipe action mirred egress mirror dev lo';
  expect(filter('egress', ...mirror.split(' '))).toMatchObject({ status: 0, stderr: '' });
  expect(await listed()).toEqual(before);
  const body = Buffer.alloc(tcmsg.bytes);
  body.writeInt32LE(pod.device!.primary.ifindex, tcmsg.tcm_ifindex);
  body.writeUInt32LE(0xffff_fff3, tcmsg.tcm_parent);
  using socket = NetlinkSocket.inNamespace(node.host);
  const filters = await dumpRawObjects(socket, 'dump filters', rtmTypes.getFilter, body);
  expect(filters.map(listFilterActions)).toContainEqual(['mirred', 'mirred']);
});

test('programs on the bridge of a pod’s device are listed: redirected packets do not pass them', async () => {
  const { name } = pod.device!.primary;
  for (const line of ['link add br0 type bridge', 'link set br0 up', `link set ${name} master br0`])
    node.run(['ip', ...line.split(' ')]);
  const index = (JSON.parse(node.run(['ip', '-json', 'link', 'show', 'br0'])) as [{ ifindex: number }])[0];
  attach('tcx/egress', 'tail', index.ifindex);
  expect(await listed()).toContainEqual({
    interface: 'br0',
    hook: 'tcx/egress',
    what: 'program',
    name: 'podlane_probe',
    redirected: 'bypassed',
  });
});

import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Pod } from '../../contract/pod.ts';
import type { PodPreflight, Preflight } from '../../contract/preflight.ts';
import {
  callHelper,
  copyRegister,
  exitProgram,
  loadMapValueAddress,
  setRegister,
  storeRegister,
  storeValue,
} from '../../server/bpf/instructions.ts';
import { bpf_obj_pin } from '../../server/ffi/libbpf.ts';
import { loadMinimalProgram } from '../../server/kernel/capability-probe-programs.ts';
import { HookTestbed, type TestedHook } from '../../server/kernel/hook-testbed.ts';
import { probeNetkitHelpers } from '../../server/kernel/netkit-helpers.ts';
import { openNetworkNamespace } from '../../server/kernel/netns.ts';
import { BoundTestSockets } from '../kernel/netlink/sockets.ts';
import { startTestNode, type TestNode } from '../testbed/node.ts';

describe('BPF helpers at netkit’s hooks', () => {
  /** Helpers that take a packet and numbers, enum bpf_func_id, with numbers that they accept. */
  const helpers: Record<string, [number: number, ...values: number[]]> = {
    bpf_skb_vlan_push: [18, 0x0081, 5],
    bpf_skb_vlan_pop: [19],
    bpf_skb_change_type: [32, 0],
    bpf_skb_change_tail: [38, 50, 0],
    bpf_skb_pull_data: [39, 40],
    bpf_set_hash_invalid: [41],
    bpf_skb_change_head: [43, 14, 0],
    bpf_set_hash: [48, 7],
    bpf_skb_adjust_room: [50, 8, 1, 0],
    bpf_skb_cgroup_id: [79],
    bpf_skb_ecn_set_ce: [97],
    bpf_csum_level: [135, 3],
    bpf_skb_set_tstamp: [192, 1000, 1],
  };

  /** Calls a helper for one packet, and drops the packet. @returns what the helper answered */
  async function call(testbed: HookTestbed, hook: TestedHook, [number, ...values]: [number, ...number[]]) {
    const { stored } = await testbed.run(hook, (map) =>
      Buffer.concat([
        ...values.map((value, index) => setRegister((index + 2) as 2, value)),
        callHelper(number),
        copyRegister(7, 0),
        loadMapValueAddress(1, map),
        storeRegister(8, 1, 0, 7),
        storeValue(4, 1, 8, 1),
        setRegister(0, 2),
        exitProgram(),
      ]),
    );
    expect(stored.readUInt32LE(8), `${hook} ran`).toBe(1);
    return stored.readBigInt64LE(0);
  }

  const redirectTo = (ifindex: number, helper: number) => (): Buffer =>
    Buffer.concat([setRegister(1, ifindex), setRegister(2, 0), callHelper(helper), exitProgram()]);

  test('those that do not depend on the hook answer as on veth', async () => {
    using veth = await HookTestbed.open('veth');
    using netkit = await HookTestbed.open('netkit');
    const answers: Record<string, bigint[]> = {};
    for (const [name, helper] of Object.entries(helpers))
      answers[name] = [await call(veth, 'tcx/ingress', helper), await call(netkit, 'netkit/peer', helper)];
    for (const [name, [onVeth, onNetkit]] of Object.entries(answers))
      expect([name, onNetkit]).toEqual([name, onVeth]);
  });

  test('bpf_redirect_peer and bpf_sk_assign are found lacking, and work at tcx/ingress of the primary', async () => {
    expect(await probeNetkitHelpers()).toEqual([
      { helper: 'bpf_redirect_peer', works: false, detail: expect.stringContaining('drops') },
      { helper: 'bpf_sk_assign', works: false, detail: expect.stringContaining('EOPNOTSUPP') },
    ]);
    using testbed = await HookTestbed.open('netkit');
    const { otherPrimary } = testbed.interfaces;
    expect((await testbed.run('netkit/peer', redirectTo(otherPrimary, 155))).arrived).toBe(false);
    expect((await testbed.run('tcx/ingress', redirectTo(otherPrimary, 155))).arrived).toBe(true);
  });

  test('at netkit/primary interfaces are those of the pod’s namespace, at the other hooks the host’s', async () => {
    using testbed = await HookTestbed.open('netkit');
    const redirect = redirectTo(testbed.interfaces.otherPrimary, 23);
    const arrived = async (hook: TestedHook) => (await testbed.run(hook, redirect)).arrived;
    expect([
      await arrived('netkit/peer'),
      await arrived('tcx/egress'),
      await arrived('netkit/primary'),
    ]).toEqual([true, true, false]);
  });
});

describe('the preflight of pods on a kernel with netkit', () => {
  const foreign = new URL('../testbed/foreign-program.ts', import.meta.url).pathname;
  const main = new URL('../../cli/podlane.js', import.meta.url).pathname;
  let node: TestNode;
  const pods: Record<string, Pod> = {};
  beforeAll(async () => {
    node = await startTestNode();
    for (const [index, name] of ['plain', 'xdp', 'socket', 'peer', 'child', 'there'].entries())
      pods[name] = await node.addPod(name, `10.42.0.${index + 2}/32`, name === 'there' ? 'netkit' : 'veth');
    const path = `/sys/fs/bpf/podlane-t-${randomBytes(4).toString('hex')}`;
    const fd = await loadMinimalProgram('load an XDP program', 6, { result: 2 });
    bpf_obj_pin(fd, path);
    closeSync(fd);
    node.run(['ip', 'link', 'set', 'dev', pods.xdp!.primary.name, 'xdpgeneric', 'pinned', path]);
    rmSync(path);
    node.run([
      process.execPath,
      foreign,
      'tcx/ingress',
      String(pods.peer!.primary.ifindex),
      'tail',
      'to_peer',
      'bpf_redirect_peer',
    ]);
    node.run('ip link add link eth0 name mv0 type macvlan mode bridge'.split(' '), pods.child!.netns.path);
  });
  afterAll(() => node?.[Symbol.asyncDispose]());

  const look = (name: string) => node.ask<PodPreflight>('GET', `/pods/shop.${name}/preflight`);
  /** Asks until every pod was reached: the guest is slow. */
  async function lookAtAll(): Promise<Preflight> {
    let found = await node.ask<Preflight>('GET', '/preflight');
    while (found.remaining > 0) found = await node.ask<Preflight>('GET', `/preflight?since=${found.since}`);
    return found;
  }
  const podlane = (...words: string[]) =>
    spawnSync(process.execPath, [main, 'preflight', ...words, '--socket', node.socket], { encoding: 'utf8' });

  test('each pod has the verdict that its plan bears out', async () => {
    using namespace = openNetworkNamespace(pods.socket!.netns.path);
    using sockets = new BoundTestSockets(namespace.fd);
    sockets.open({ domain: 'packet', type: 'raw', ifindex: pods.socket!.device!.peer.ifindex });
    const found = await lookAtAll();
    expect(Object.fromEntries(found.pods.map(({ pod, verdict }) => [pod.name, verdict]))).toEqual({
      plain: 'ready',
      xdp: 'ready_with_losses',
      socket: 'ready_with_losses',
      peer: 'ready_with_losses',
      child: 'refused',
      there: 'on_netkit',
    });
    expect(found.counts).toEqual({ ready: 1, ready_with_losses: 3, refused: 1, on_netkit: 1, unknown: 0 });
    expect(found.node.netkit).toBe(true);
    const helpers = found.node.checks.find(({ subject }) => subject === 'helpers');
    expect(helpers?.findings.map(({ reason }) => reason)).toEqual(['helper_lacking', 'helper_lacking']);
  });

  test('settings were tried on netkit, so they passed', async () => {
    const states = Object.fromEntries(
      (await look('plain')).checks.map(({ subject, state }) => [subject, state]),
    );
    expect(states).toMatchObject({
      kernel: 'passed',
      settings: 'passed',
      qdiscs: 'passed',
      queues: 'passed',
    });
  });

  test('a program that redirects by bpf_redirect_peer has to be accepted, by the id that is named', async () => {
    const found = (await look('peer')).checks.flatMap(({ findings }) => findings);
    const helper = found.find(({ reason }) => reason === 'program_helper');
    expect(helper).toMatchObject({
      outcome: 'loss',
      detail: expect.stringContaining('drops the packets that it redirects'),
    });
    await expect(node.migrate('shop.peer', 'netkit')).rejects.toMatchObject({ code: 'loss_not_accepted' });
    const migration = await node.migrate('shop.peer', 'netkit', false, [helper!.item!]);
    expect([migration.state, migration.error]).toEqual(['done', null]);
    expect((await look('peer')).verdict).toBe('on_netkit');
  });

  test('a pod that is ready is promoted without accepting anything', async () => {
    const migration = await node.migrate('shop.plain', 'netkit');
    expect([migration.state, migration.error]).toEqual(['done', null]);
    await node.migrate('shop.plain', 'veth');
    expect((await look('plain')).verdict).toBe('ready');
  });

  test('the exit code of the command tells ready from losses and refusals', () => {
    expect(podlane('shop.plain')).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/verdict +ready/),
    });
    expect(podlane('shop.plain', 'shop.there').status).toBe(0);
    expect(podlane('shop.xdp').status).toBe(4);
    expect(podlane('shop.plain', 'shop.xdp').status).toBe(4);
    const all = podlane();
    expect(all.status).toBe(5);
    expect(all.stdout).toContain('REFUSED child_interface: Interfaces are on top of the device (1 pod)');
    expect(all.stdout).toContain('shop.child: macvlan mv0');
  });
});

import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { MigrationPlan } from '../../../contract/migration.ts';
import { needsAcceptance } from '../../../contract/migration-items.ts';
import type { Pod } from '../../../contract/pod.ts';
import {
  type PodPreflight,
  type Preflight,
  type PreflightFinding,
  podPreflightSchema,
  preflightSchema,
} from '../../../contract/preflight.ts';
import { listPreflightSubjects, type PreflightReason } from '../../../contract/preflight-reasons.ts';
import { bpf_obj_pin } from '../../../server/ffi/libbpf.ts';
import { loadMinimalProgram } from '../../../server/kernel/capability-probe-programs.ts';
import { openNetworkNamespace } from '../../../server/kernel/netns.ts';
import { startTestNode, type TestNode } from '../../testbed/node.ts';
import { pollUntil } from '../../testbed/poll.ts';
import { ask } from '../datapath/ask-agent.ts';
import { BoundTestSockets } from '../netlink/sockets.ts';

const XDP = 6;
const XDP_PASS = 2;
const foreign = new URL('../../testbed/foreign-program.ts', import.meta.url).pathname;

let node: TestNode;
let cniConfig: string;
let addresses = 0;
beforeAll(async () => {
  cniConfig = mkdtempSync(join(tmpdir(), 'podlane-cni-'));
  node = await startTestNode(['--cni-config', cniConfig]);
});
afterAll(async () => {
  await node?.[Symbol.asyncDispose]();
  rmSync(cniConfig, { recursive: true });
});

/** A pod of its own on veth, which goes with the test. */
async function addPod(name: string, more: Parameters<TestNode['addPod']>[2] = {}): Promise<Pod> {
  addresses++;
  const pod = await node.addPod(name, `10.42.0.${addresses}/32`, {
    kind: 'veth',
    ...(typeof more === 'string' ? {} : more),
  });
  onTestFinished(async () => {
    await node.ask('DELETE', `/pods/${pod.id}`).catch(() => undefined);
  });
  return pod;
}

const look = async (pod: Pod): Promise<PodPreflight> =>
  podPreflightSchema.parse(await node.ask<PodPreflight>('GET', `/pods/${pod.id}/preflight`));
const findings = async (pod: Pod, reason: PreflightReason): Promise<PreflightFinding[]> =>
  (await look(pod)).checks.flatMap((check) => check.findings).filter((each) => each.reason === reason);
const inPod = (pod: Pod, line: string): string => node.run(line.split(' '), pod.netns.path);
const onHost = (line: string): string => node.run(line.split(' '));

/** Runs a process under another program's name in the pod. */
async function runInPod(pod: Pod, program: string): Promise<void> {
  const child = spawn('nsenter', [`--net=${pod.netns.path}`, 'bash', '-c', `exec -a ${program} sleep 300`]);
  onTestFinished(() => void child.kill('SIGKILL'));
  await new Promise((resolve) => child.once('spawn', resolve));
}

/** Findings that this kernel adds to every pod where it has no netkit. */
const ofKernel = new Set<PreflightReason>(['no_netkit', 'not_rehearsed']);

test('every subject is looked at, and nothing but the kernel and link-layer addresses is found of a plain pod', async () => {
  const found = await look(await addPod('plain'));
  expect(found.checks.map(({ subject }) => subject)).toEqual(listPreflightSubjects('pod'));
  const reasons = found.checks.flatMap((check) => check.findings.map(({ reason }) => reason));
  expect(reasons.filter((reason) => !ofKernel.has(reason))).toEqual(['link_layer']);
  for (const { state, findings: own } of found.checks) expect(state === 'passed').toBe(own.length === 0);
  expect(found.reasons.map(({ reason }) => reason).sort()).toEqual([...new Set(reasons)].sort());
});

test('without netkit the pod is refused, and what would be tried on netkit is not called passed', async () => {
  const pod = await addPod('kernel');
  const capabilities = (
    await node.ask<{ capabilities: { name: string; available: boolean }[] }>('GET', '/node')
  ).capabilities;
  const netkit = capabilities.find(({ name }) => name === 'netkit')?.available;
  const found = await look(pod);
  expect(found.verdict).toBe(netkit ? 'ready' : 'refused');
  const states = Object.fromEntries(found.checks.map(({ subject, state }) => [subject, state]));
  expect([states.kernel, states.settings, states.qdiscs, states.queues]).toEqual(
    netkit
      ? ['passed', 'passed', 'passed', 'passed']
      : ['refused', 'not_checked', 'not_checked', 'not_checked'],
  );
});

test('XDP programs of either end are lost, with the id to accept', async () => {
  const pod = await addPod('xdp');
  const path = `/sys/fs/bpf/podlane-t-${randomBytes(4).toString('hex')}`;
  const fd = await loadMinimalProgram('load an XDP program', XDP, { result: XDP_PASS });
  bpf_obj_pin(fd, path);
  closeSync(fd);
  try {
    onHost(`ip link set dev ${pod.primary.name} xdpgeneric pinned ${path}`);
    inPod(pod, `ip link set dev eth0 xdpgeneric pinned ${path}`);
  } finally {
    rmSync(path);
  }
  const found = await findings(pod, 'xdp_program');
  expect(found).toMatchObject([
    { outcome: 'loss', subject: 'xdp', detail: expect.stringContaining('in the pod') },
    { outcome: 'loss', subject: 'xdp', detail: expect.stringContaining('on the host') },
  ]);
  const plan = await node.ask<MigrationPlan>('POST', `/pods/${pod.id}/migrations`, {
    to: 'netkit',
    dryRun: true,
  });
  const toAccept = plan.items.filter(needsAcceptance).map(({ id }) => id);
  expect(found.map(({ item }) => item).every((item) => toAccept.includes(item as string))).toBe(true);
  expect(found[0]?.command).toBe(`podlane migrate shop.xdp netkit --accept '${found[0]?.item}'`);
});

test('filters that cannot be made again are lost; qdiscs that the new device takes are not named', async () => {
  const pod = await addPod('qdiscs');
  const filter = `tc filter add dev ${pod.primary.name} ingress prio 10 protocol ip`;
  onHost(`tc qdisc add dev ${pod.primary.name} clsact`);
  onHost(`tc qdisc add dev ${pod.primary.name} root tbf rate 100mbit burst 32k latency 50ms`);
  onHost(`${filter} handle 2: u32 divisor 4`);
  onHost(`${filter} u32 ht 2:1: match ip dport 80 0xffff flowid 1:1`);
  expect(await findings(pod, 'filter')).toMatchObject([{ outcome: 'loss', subject: 'qdiscs' }]);
  expect(await findings(pod, 'qdisc')).toEqual([]);
});

test('packet sockets and sockets bound to a device are named with their programs', async () => {
  const pod = await addPod('sockets');
  using namespace = openNetworkNamespace(pod.netns.path);
  using sockets = new BoundTestSockets(namespace.fd);
  sockets.open({ domain: 'packet', type: 'raw', ifindex: pod.device!.peer.ifindex });
  sockets.open({ domain: 'ipv4', type: 'datagram', device: 'eth0', bind: ['0.0.0.0', 4000] });
  const found = await findings(pod, 'socket');
  expect(found).toMatchObject([{ outcome: 'loss', subject: 'sockets' }]);
  expect(found[0]?.detail).toContain('2 sockets');
  expect(found[0]?.detail).toContain('packet');
});

test('XDP sockets are named where the kernel does not say what they are bound to', async () => {
  const pod = await addPod('xsk');
  using namespace = openNetworkNamespace(pod.netns.path);
  using sockets = new BoundTestSockets(namespace.fd);
  sockets.open({ domain: 'xdp', type: 'raw' });
  // `ss` says whether the kernel lists XDP sockets: it has xdp_diag or not.
  const listed = inPod(pod, 'ss --xdp -H').trim() !== '';
  const found = await findings(pod, 'socket_not_read');
  expect(found.some(({ detail, outcome }) => outcome === 'not_checked' && detail.includes('xdp'))).toBe(
    !listed,
  );
});

test('an interface on top refuses', async () => {
  const pod = await addPod('children');
  inPod(pod, 'ip link add link eth0 name mv0 type macvlan mode bridge');
  // A scan of all namespaces is used again for a second.
  const found = await pollUntil(
    () => findings(pod, 'child_interface'),
    (seen) => seen.length > 0,
  );
  expect(found).toMatchObject([{ outcome: 'refused', detail: expect.stringContaining('mv0') }]);
});

test('a second interface refuses', async () => {
  const pod = await addPod('second');
  inPod(pod, 'ip link add br9 up type bridge');
  expect(await findings(pod, 'second_interface')).toMatchObject([
    { outcome: 'refused', detail: expect.stringContaining('br9') },
  ]);
});

describe('programs of others', () => {
  const attach = (pod: Pod, hook: string, name: string, helper?: string) =>
    node.run([
      process.execPath,
      foreign,
      hook,
      String(pod.primary.ifindex),
      'tail',
      name,
      ...(helper === undefined ? [] : [helper]),
    ]);

  test('that call no helper of the hook are only carried', async () => {
    const pod = await addPod('carried');
    attach(pod, 'tcx/ingress', 'watcher');
    const found = await look(pod);
    const programs = found.checks.find(({ subject }) => subject === 'programs');
    expect(programs?.findings.map(({ reason }) => reason)).toEqual(['program_carried']);
    expect(programs?.state).toBe('note');
  });

  test('that call bpf_redirect_peer are named, or what they do at netkit is unknown where the kernel has none', async () => {
    const pod = await addPod('peer');
    const id = attach(pod, 'tcx/ingress', 'to_peer', 'bpf_redirect_peer');
    const [found] = [
      ...(await findings(pod, 'program_helper')),
      ...(await findings(pod, 'program_not_read')),
    ];
    expect(found?.detail).toContain(`bpf_redirect_peer in program to_peer (id ${id}) on tcx/ingress`);
    const netkit = (await look(pod)).checks.find(({ subject }) => subject === 'kernel')?.state === 'passed';
    expect(found).toMatchObject(
      netkit
        ? { outcome: 'loss', detail: expect.stringContaining('drops') }
        : { outcome: 'unknown', detail: expect.stringContaining('could not be tried') },
    );
  });

  test('that look interfaces up look in the pod’s namespace at netkit/primary', async () => {
    const pod = await addPod('lookup');
    attach(pod, 'tcx/egress', 'redirector', 'bpf_redirect');
    expect(await findings(pod, 'program_helper')).toMatchObject([
      { outcome: 'loss', detail: expect.stringContaining('looks in the pod’s namespace') },
    ]);
    // From the pod both hooks are in the host's namespace.
    const other = await addPod('lookup-out');
    attach(other, 'tcx/ingress', 'redirector', 'bpf_redirect');
    expect(await findings(other, 'program_helper')).toEqual([]);
  });

  test('that may translate addresses are named, with the command that turns the redirect off', async () => {
    const pod = await addPod('translator');
    attach(pod, 'tcx/ingress', 'translate');
    expect(await findings(pod, 'translator')).toMatchObject([
      { outcome: 'note', command: 'podlane redirect shop.translator --set off' },
    ]);
  });

  test('whose name is an agent’s give the device to that agent', async () => {
    const pod = await addPod('of-cilium');
    writeFileSync(join(cniConfig, '05-cilium.conflist'), '{"plugins":[{"type":"cilium-cni"}]}');
    onTestFinished(() => rmSync(join(cniConfig, '05-cilium.conflist')));
    attach(pod, 'tcx/ingress', 'cil_from_container', 'bpf_redirect');
    await nextReading();
    expect(await findings(pod, 'foreign_agent_left')).toMatchObject([
      { outcome: 'note', detail: expect.stringContaining('cil_from_contai') },
    ]);
  });
});

describe('virtual machines', () => {
  test.each([
    ['runsc-sandbox', 'gVisor'],
    ['qemu-system-x86_64', 'QEMU'],
    ['firecracker', 'Firecracker'],
    ['cloud-hypervisor', 'Cloud Hypervisor'],
  ])('process %s in the namespace is one', async (program, name) => {
    const pod = await addPod(`vm-${program.replaceAll('_', '-')}`);
    await runInPod(pod, program);
    const found = await pollUntil(
      () => findings(pod, 'virtual_machine'),
      (seen) => seen.length > 0,
    );
    expect(found).toMatchObject([{ outcome: 'refused', detail: expect.stringContaining(name) }]);
  });

  test('the interface of Kata Containers is one, also while it is down', async () => {
    const pod = await addPod('kata');
    inPod(pod, 'ip link add tap0_kata type bridge');
    expect(await findings(pod, 'virtual_machine')).toMatchObject([
      { outcome: 'refused', detail: expect.stringContaining('Kata Containers') },
    ]);
  });

  test('an ordinary process is none', async () => {
    const pod = await addPod('process');
    await runInPod(pod, 'nginx');
    await nextReading();
    expect(await findings(pod, 'virtual_machine')).toEqual([]);
    expect((await look(pod)).checks.find(({ subject }) => subject === 'runtime')?.state).toBe('passed');
  });
});

describe('network agents of others', () => {
  test('that run are named for the node, and refuse only their own pods', async () => {
    const pod = await addPod('of-flannel');
    const own = await addPod('not-of-flannel');
    onHost('ip link add flannel.1 type bridge');
    onHost('ip link add cni0 type bridge');
    const child = spawn('nsenter', [`--net=${node.host}`, 'bash', '-c', 'exec -a flanneld sleep 300']);
    onTestFinished(() => {
      child.kill('SIGKILL');
      onHost('ip link delete flannel.1');
      onHost('ip link delete cni0');
    });
    onHost(`ip link set ${pod.primary.name} master cni0`);
    await nextReading();
    expect(await findings(pod, 'foreign_agent_repairs')).toMatchObject([
      { outcome: 'refused', detail: expect.stringContaining(`${pod.primary.name} is a port of cni0`) },
    ]);
    expect(await findings(own, 'foreign_agent_repairs')).toEqual([]);
    const { node: ofNode } = await lookAtNode();
    const agents = ofNode.checks.find(({ subject }) => subject === 'agents');
    expect(agents?.findings).toMatchObject([
      { reason: 'foreign_agent', outcome: 'note', detail: expect.stringContaining('flanneld (pid ') },
    ]);
  });

  test('that left a device are named', async () => {
    onHost('ip link add vxlan.calico type bridge');
    onTestFinished(() => void onHost('ip link delete vxlan.calico'));
    await nextReading();
    const agents = (await lookAtNode()).node.checks.find(({ subject }) => subject === 'agents');
    expect(agents?.findings).toMatchObject([
      { reason: 'foreign_agent_left', detail: expect.stringContaining('Calico: no process of it runs') },
    ]);
  });
});

test('an MTU above the uplink’s is a note', async () => {
  const pod = await addPod('mtu', { mtu: 1400 });
  onHost('ip link add up0 mtu 1280 type veth peer name up1');
  onHost('ip address add 192.0.2.1/24 dev up0');
  onHost('ip link set up0 up');
  onHost('ip link set up1 up');
  onHost('ip route add default via 192.0.2.2 dev up0');
  onTestFinished(() => void onHost('ip link delete up0'));
  await nextReading();
  const found = await look(pod);
  const mtu = found.checks.find(({ subject }) => subject === 'mtu');
  expect(mtu?.findings.find(({ reason }) => reason === 'mtu_above_uplink')).toMatchObject({
    outcome: 'note',
    detail: expect.stringContaining('the uplink up0 1280'),
  });
});

test('a host that does not forward, or filters strictly, refuses with the command', async () => {
  const pod = await addPod('forwarding');
  node.run(['sysctl', '-qw', 'net.ipv4.conf.all.rp_filter=1']);
  onTestFinished(() => void node.run(['sysctl', '-qw', 'net.ipv4.conf.all.rp_filter=0']));
  await nextReading();
  const found = await look(pod);
  expect(found.reasons.find(({ reason }) => reason === 'host_not_ready')).toMatchObject({
    outcome: 'refused',
    command: expect.stringContaining('net.ipv4.conf.all.rp_filter=0'),
  });
  const { node: ofNode } = await lookAtNode();
  expect(ofNode.checks.find(({ subject }) => subject === 'forwarding')).toMatchObject({ state: 'refused' });
});

test('NAT of the node is named with its tables', async () => {
  node.run(['nft', 'add', 'table', 'ip', 'services']);
  node.run(['nft', 'add chain ip services out { type nat hook postrouting priority 100; }']);
  onTestFinished(() => void node.run(['nft', 'delete', 'table', 'ip', 'services']));
  await nextReading();
  const nat = (await lookAtNode()).node.checks.find(({ subject }) => subject === 'nat');
  expect(nat?.findings).toMatchObject([
    { outcome: 'note', detail: expect.stringContaining('table ip services') },
  ]);
});

test('a pod whose namespace is gone is refused, and what could not be looked at is not passed', async () => {
  const pod = await addPod('gone');
  node.removeNamespace('gone');
  const found = await look(pod);
  expect(found.verdict).toBe('refused');
  expect(found.reasons[0]).toMatchObject({ reason: 'pod_gone', outcome: 'refused' });
  for (const subject of ['sockets', 'xdp', 'children', 'firewall', 'runtime'] as const)
    expect(found.checks.find((each) => each.subject === subject)?.state).toBe('not_checked');
});

test('a preflight changes nothing on the host or in the pod', async () => {
  const pod = await addPod('unchanged');
  inPod(pod, 'ip link add link eth0 name mv0 type macvlan mode bridge');
  onHost(`tc qdisc add dev ${pod.primary.name} root tbf rate 100mbit burst 32k latency 50ms`);
  await look(pod); // its first look probes
  const before = await everything(pod);
  await look(pod);
  await node.ask('GET', '/preflight');
  expect(await everything(pod)).toEqual(before);
});

/** All that iproute2, tc and nft show of both namespaces, without counters; and the pod's events and migrations. */
async function everything(pod: Pod): Promise<unknown> {
  const lines = [
    'ip -d address',
    'ip route show table all',
    'ip rule',
    'ip neighbor',
    'tc qdisc',
    'nft list ruleset',
  ];
  return {
    host: lines.map((line) => onHost(line)),
    pod: lines.map((line) => inPod(pod, line)),
    sysctls: inPod(pod, 'sysctl -a --pattern net.ipv[46].conf'),
    events: await node.ask('GET', `/events?pod=${pod.id}`),
    migrations: await node.ask('GET', `/migrations?pod=${pod.id}`),
    slots: (await node.ask<{ slots: unknown }>('GET', '/node')).slots,
  };
}

/** Waits for longer than a reading of the node is used again. */
const nextReading = () => new Promise((resolve) => setTimeout(resolve, 2200));
const lookAtNode = async (): Promise<Preflight> =>
  preflightSchema.parse(await node.ask<Preflight>('GET', '/preflight?pods=none'));

describe('many pods', () => {
  test('each reason is listed once, the worst first, with the number of pods', async () => {
    const pods = [
      await addPod('many-a', { labels: { app: 'many' } }),
      await addPod('many-b', { labels: { app: 'many' } }),
    ];
    const [first] = pods as [Pod, Pod];
    inPod(first, 'ip link add link eth0 name mv0 type macvlan mode bridge');
    await pollUntil(
      () => findings(first, 'child_interface'),
      (seen) => seen.length > 0,
    );
    const found = preflightSchema.parse(
      await node.ask<Preflight>('POST', '/preflight', { selector: { app: 'many' } }),
    );
    expect(found.pods.map(({ pod }) => pod.name).sort()).toEqual(['many-a', 'many-b']);
    expect(found.remaining).toBe(0);
    expect(found.counts.refused + found.counts.ready).toBe(2);
    const reasons = found.reasons.map(({ reason }) => reason);
    expect(new Set(reasons).size).toBe(reasons.length);
    expect(found.reasons.find(({ reason }) => reason === 'child_interface')).toMatchObject({
      pods: 1,
      node: false,
    });
    expect(found.reasons.find(({ reason }) => reason === 'link_layer')).toMatchObject({ pods: 2 });
    expect(found.reasons.at(-1)?.outcome).toBe('note');
  });

  test('results are used again since the time of a request, and otherwise not', async () => {
    const pod = await addPod('again');
    const lookAt = (body: object) =>
      node.ask<Preflight>('POST', '/preflight', { pods: ['shop.again'], ...body });
    const first = await lookAt({});
    const again = await lookAt({ since: first.since });
    expect(again.since).toBe(first.since);
    expect(again.pods[0]?.lookedAt).toBe(first.pods[0]?.lookedAt);
    expect((await lookAt({})).pods[0]?.lookedAt).not.toBe(first.pods[0]?.lookedAt);
    // A look at one pod is always new.
    expect((await look(pod)).lookedAt).not.toBe(first.pods[0]?.lookedAt);
  });

  test('names that no pod has, and requests without a selection, are refused', async () => {
    expect(await ask(node, 'POST', '/preflight', { pods: ['shop.nobody', 'shop.noone'] })).toMatchObject({
      status: 404,
      code: 'pod_not_found',
      detail: expect.stringContaining('shop.noone'),
    });
    expect(await ask(node, 'GET', '/pods/shop.nobody/preflight')).toMatchObject({
      status: 404,
      code: 'pod_not_found',
    });
    for (const body of [
      {},
      { all: true, pods: ['a'] },
      { selector: {} },
      { pods: [] },
      { all: true, since: 'now' },
    ])
      expect(await ask(node, 'POST', '/preflight', body), JSON.stringify(body)).toMatchObject({
        status: 400,
        code: 'bad_request',
      });
  });

  test('more requests at once than are answered get 429, and the others an answer', async () => {
    await addPod('busy');
    const body = { all: true };
    const answers = await Promise.all(
      Array.from({ length: 24 }, () => ask(node, 'POST', '/preflight', body)),
    );
    const statuses = answers.map((answer) => answer?.status);
    expect(new Set(statuses)).toEqual(new Set([200, 429]));
    expect(answers.find((answer) => answer?.status === 429)).toMatchObject({ code: 'too_many' });
  });
});

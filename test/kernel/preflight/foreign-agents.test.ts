import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { readBpfProgramInfo } from '../../../server/bpf/program-info.ts';
import { loadMinimalProgram, minimalProgramTypes } from '../../../server/kernel/capability-probe-programs.ts';
import { foreignAgentNames, foreignAgentSigns } from '../../../server/kernel/foreign-agent-signs.ts';
import {
  detectForeignAgents,
  type ForeignAgent,
  type ForeignAgentReading,
  findOwningAgent,
} from '../../../server/kernel/foreign-agents.ts';
import { openNetworkNamespace } from '../../../server/kernel/netns.ts';
import { pollUntil } from '../../testbed/poll.ts';
import { type TestNamespace, testNamespace } from '../netlink/namespaces.ts';

/** A host of its own: a network namespace, a folder of CNI configurations, and a root folder for files. */
function startHost() {
  const namespace = testNamespace();
  const folder = mkdtempSync(join(tmpdir(), 'podlane-agents-'));
  const cniConfig = join(folder, 'net.d');
  mkdirSync(cniConfig);
  onTestFinished(() => {
    namespace[Symbol.dispose]();
    rmSync(folder, { recursive: true });
  });
  return {
    namespace,
    folder,
    cniConfig,
    detect: async (): Promise<ForeignAgentReading> => {
      using opened = openNetworkNamespace(`/run/netns/${namespace.name}`);
      return detectForeignAgents({
        host: namespace.socket,
        hostNetnsInode: opened.inode,
        cniConfig,
        root: folder,
      });
    },
  };
}

const addInterface = (namespace: TestNamespace, name: string): void => {
  namespace.ip('link', 'add', name, 'type', 'bridge');
};

/** Runs a process under another program's name in a namespace, as the agent would run on the host's network. */
async function runAs(namespace: TestNamespace, program: string): Promise<ChildProcess> {
  const child = spawn('ip', ['netns', 'exec', namespace.name, 'bash', '-c', `exec -a ${program} sleep 300`]);
  onTestFinished(() => void child.kill('SIGKILL'));
  await new Promise((resolve) => child.once('spawn', resolve));
  return child;
}

/** The agents without what other tests or programs of this kernel show: BPF programs belong to no namespace. */
const named = ({ agents }: ForeignAgentReading): ForeignAgent[] =>
  agents.filter(({ evidence }) => evidence.some(({ kind }) => kind !== 'program'));

test('a host without signs has no agents, and everything was looked at', async () => {
  const host = startHost();
  const reading = await host.detect();
  expect(named(reading)).toEqual([]);
  expect(reading.unread).toEqual([]);
  expect(reading.configuration).toBeNull();
});

test.each([
  [
    'Calico',
    'vxlan.calico',
    '10-calico.conflist',
    { plugins: [{ type: 'calico', ipam: { type: 'calico-ipam' } }] },
    'calico-node',
    '/run/calico',
  ],
  [
    'Cilium',
    'cilium_host',
    '05-cilium.conflist',
    { plugins: [{ type: 'cilium-cni' }] },
    'cilium-agent',
    '/run/cilium',
  ],
  [
    'flannel',
    'flannel.1',
    '10-flannel.conflist',
    { plugins: [{ type: 'flannel' }, { type: 'portmap' }] },
    'flanneld',
    '/run/flannel/subnet.env',
  ],
] as const)(
  '%s is known by each of its signs, and is live only with a process on the host’s network',
  async (name, link, file, configuration, program, path) => {
    const host = startHost();
    const only = async () => {
      const agents = named(await host.detect());
      expect(agents.map((agent) => agent.name)).toEqual([name]);
      return agents[0] as ForeignAgent;
    };
    addInterface(host.namespace, link);
    expect(await only()).toMatchObject({
      live: false,
      evidence: expect.arrayContaining([{ kind: 'interface', text: link }]),
    });

    host.namespace.ip('link', 'delete', link);
    const configured = join(host.cniConfig, file);
    writeFileSync(configured, JSON.stringify({ cniVersion: '1.0.0', name: 'net', ...configuration }));
    expect(await only()).toMatchObject({
      live: false,
      evidence: expect.arrayContaining([{ kind: 'configuration', text: configured }]),
    });
    expect((await host.detect()).configuration?.path).toBe(configured);

    rmSync(configured);
    mkdirSync(join(host.folder, path), { recursive: true });
    expect(await only()).toMatchObject({
      live: false,
      evidence: expect.arrayContaining([{ kind: 'file', text: path }]),
    });

    rmSync(join(host.folder, path), { recursive: true });
    await runAs(host.namespace, program);
    const live = await pollUntil(
      async () => named(await host.detect()),
      (agents) => agents.length > 0,
    );
    expect(live).toMatchObject([
      {
        name,
        live: true,
        evidence: expect.arrayContaining([{ kind: 'process', text: expect.stringContaining(program) }]),
      },
    ]);
  },
);

test('a process in another network namespace is no agent of this host', async () => {
  const host = startHost();
  using other = testNamespace();
  await runAs(other, 'cilium-agent');
  addInterface(host.namespace, 'cilium_host');
  await new Promise((resolve) => setTimeout(resolve, 1200)); // longer than a reading of processes is used again
  expect(named(await host.detect())).toMatchObject([{ name: 'Cilium', live: false }]);
});

test('k3s counts as flannel only where flannel has an interface', async () => {
  const host = startHost();
  await runAs(host.namespace, 'k3s');
  await new Promise((resolve) => setTimeout(resolve, 1200));
  expect(named(await host.detect())).toEqual([]);
  addInterface(host.namespace, 'flannel.1');
  expect(named(await host.detect())).toMatchObject([{ name: 'flannel', live: true }]);
});

test('BPF programs are signs as well', async () => {
  const host = startHost();
  const fd = await loadMinimalProgram('load a program', minimalProgramTypes.schedulerClassifier, {
    name: 'cil_from_container',
  });
  try {
    const { id } = readBpfProgramInfo(fd);
    const cilium = (await host.detect()).agents.find(({ name }) => name === 'Cilium');
    expect(cilium?.evidence).toContainEqual({ kind: 'program', text: `cil_from_contai (id ${id})` });
  } finally {
    closeSync(fd);
  }
});

test('what cannot be read is named, and nothing is concluded from it', async () => {
  const host = startHost();
  rmSync(host.cniConfig, { recursive: true });
  expect((await host.detect()).unread).toEqual([]); // no runtime is configured
  writeFileSync(host.cniConfig, '');
  expect((await host.detect()).unread).toEqual([expect.stringContaining('CNI configurations')]);
});

test('malformed configurations show no agent', async () => {
  const host = startHost();
  for (const [name, text] of [
    ['10-cut.conflist', '{"plugins":[{"type":"calico"'],
    ['20-null.conf', 'null'],
    ['30-list.json', '[{"plugins":3}]'],
    ['40-other.txt', '{"type":"calico"}'],
    ['50-number.conflist', '{"plugins":[7,{"type":4},null]}'],
  ] as const)
    writeFileSync(join(host.cniConfig, name), text);
  const reading = await host.detect();
  expect(named(reading)).toEqual([]);
  expect(reading.unread).toEqual([]);
  expect(reading.configuration?.path).toBe(join(host.cniConfig, '10-cut.conflist'));
});

test('a device belongs to an agent by its name, its bridge or a program on it', () => {
  const agent = (name: ForeignAgent['name']): ForeignAgent => ({
    name,
    live: true,
    evidence: [],
    repairs: '',
  });
  const agents = foreignAgentNames.map(agent);
  const owner = (name: string, bridge: string | null = null, programs: string[] = []) =>
    findOwningAgent({ name, bridge, programs }, agents)?.agent.name ?? null;
  expect(owner('cali1a2b3c4d5e6')).toBe('Calico');
  expect(owner('lxc1a2b3c4d5e6f')).toBe('Cilium');
  expect(owner('eni1a2b3c4d5e6')).toBe('Amazon VPC CNI');
  expect(owner('vethaabbccdd', 'cni0')).toBe('flannel');
  expect(owner('pl3', null, ['other', 'cil_from_contai'])).toBe('Cilium');
  expect(owner('pl3')).toBeNull();
  expect(owner('caliban')).toBeNull();
  expect(owner('lxc-bridge', 'br0')).toBeNull();
  // Only agents that are there own anything.
  expect(findOwningAgent({ name: 'cali1a2b3c4d5e6', bridge: null, programs: [] }, [])).toBeNull();
});

test('no sign of an agent is one of Podlane’s own names', () => {
  for (const { interfaces, podInterfaces, programs } of Object.values(foreignAgentSigns)) {
    for (const name of ['pl0', 'pl12', 'pn3', 'eth0', 'lo', 'docker0', 'cni-podman0', 'vethd3ad']) {
      expect(interfaces.test(name)).toBe(false);
      expect(podInterfaces?.test(name) ?? false).toBe(false);
    }
    for (const name of ['from_pod', 'to_pod', 'after_nat', 'podlane_probe'])
      expect(programs?.test(name) ?? false).toBe(false);
  }
});

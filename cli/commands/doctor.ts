import { existsSync, statSync } from 'node:fs';
import { hostname, release } from 'node:os';
import type { NodeInfo } from '../../contract/node.ts';
import { ProblemError } from '../../contract/problem.ts';
import { detectForeignAgents, type ForeignAgent } from '../../server/kernel/foreign-agents.ts';
import { openCurrentNamespace } from '../../server/kernel/netns.ts';
import { NetlinkSocket } from '../../server/netlink/socket.ts';
import { formatEvidence } from '../../server/preflight/look-at-node.ts';
import { defaultRuntimePaths } from '../../server/runtime/runtimes/container-runtimes.ts';
import { describeInstallation, type InstallationState } from '../cni/describe-installation.ts';
import { pluginType } from '../cni/network-configuration.ts';
import { folderOptions, readFolders } from '../cni/plan-installation.ts';
import { type CliCommand, type CommandInvocation, printResult } from '../command.ts';
import { formatFieldLines, formatTextTable } from '../text-table.ts';
import { askAgent, formatNetworks } from './cni.ts';

/** A container runtime whose socket or folder is there. */
interface FoundRuntime {
  kind: string;
  path: string;
}

/** What was found on the node, and what that means for Podlane. */
interface Diagnosis {
  node: { name: string; kernel: string };
  agent: { socket: string; version: string; netkit: boolean; containers: number } | null;
  runtimes: FoundRuntime[];
  cni: InstallationState;
  networkAgents: ForeignAgent[];
  notLooked: string[];
  /** What Podlane does and what it would do, a sentence each. */
  conclusions: string[];
}

export const doctorCommand: CliCommand = {
  name: 'doctor',
  parameters: [],
  summary: 'tells which runtimes, networks and network agents the node has, and what Podlane would do',
  details: 'Looks and changes nothing. Works without an agent; needs root to see all of the node',
  options: folderOptions,
  async run(invocation) {
    const diagnosis = await examineNode(invocation);
    printResult(invocation, diagnosis, formatDiagnosis);
  },
};

async function examineNode(invocation: CommandInvocation): Promise<Diagnosis> {
  const { plugins, configurations } = readFolders(invocation);
  using namespace = openCurrentNamespace();
  using host = NetlinkSocket.open();
  const [cni, foreign, agent] = await Promise.all([
    describeInstallation(plugins, configurations),
    detectForeignAgents({ host, hostNetnsInode: namespace.inode, cniConfig: configurations }),
    readAgent(invocation),
  ]);
  const found = {
    node: { name: hostname(), kernel: release() },
    agent,
    runtimes: listRuntimes(),
    cni,
    networkAgents: foreign.agents,
    notLooked: foreign.unread,
  };
  return { ...found, conclusions: conclude(found) };
}

async function readAgent(invocation: CommandInvocation): Promise<Diagnosis['agent']> {
  const status = await askAgent(invocation);
  if (status === null) return null;
  const { versions, capabilities } = await invocation.agent.request<NodeInfo>('GET', '/node', {
    signal: invocation.signal,
  });
  return {
    socket: status.socket,
    version: versions.podlane,
    netkit: capabilities.some(({ name, available }) => name === 'netkit' && available),
    containers: status.containers,
  };
}

const runtimeNames = { cri: 'CRI', docker: 'Docker', podman: 'Podman' } as const;

/** Lists the runtimes whose socket is there; whether they answer is for the agent to say. */
const listRuntimes = (): FoundRuntime[] =>
  (Object.keys(runtimeNames) as (keyof typeof runtimeNames)[]).flatMap((kind) =>
    defaultRuntimePaths[kind].filter(isSocket).map((path) => ({ kind: runtimeNames[kind], path })),
  );

const isSocket = (path: string): boolean => existsSync(path) && statSync(path).isSocket();

function conclude({ agent, runtimes, cni, networkAgents }: Omit<Diagnosis, 'conclusions'>): string[] {
  const live = networkAgents.filter((each) => each.live !== false);
  const [first] = cni.networks;
  const own = cni.networks.filter(({ plugins }) => plugins.includes(pluginType));
  const usesCni = runtimes.some(({ kind }) => kind !== 'Docker');
  return [
    agent === null
      ? 'No agent answers: nothing is observed or changed. Start it with npm start.'
      : runtimes.length === 0
        ? 'No container runtime was found. Pods appear as soon as a network namespace with a device does.'
        : `Pods of ${runtimes.map(({ kind }) => kind).join(', ')} are shown as observed pods; nothing of theirs is changed.`,
    ...(agent !== null && !agent.netkit ? ['The kernel has no netkit: devices are veth.'] : []),
    ...live.map(
      ({ name, repairs }) =>
        `${name} repairs ${repairs}. A device of its pods is left to it: do not chain the plugin with --mode convert in its network.`,
    ),
    ...(own.length > 0
      ? own.map(({ network, path, plugins }) =>
          plugins[0] === pluginType
            ? `Podlane attaches the containers of network ${network} (${path})${first?.path === path ? ', which runtimes use by default' : ', where a runtime names it'}.`
            : `Podlane is chained in network ${network} (${path}).`,
        )
      : !usesCni && runtimes.length > 0
        ? ['Docker does not use CNI: the plugin is of no use to it.']
        : [
            `podlane cni install --pool PREFIX would write ${cni.plugin.path} and ${cni.folder}/99-podlane.conflist. ${
              first === undefined
                ? 'There is no other network, so runtimes would use it for new containers.'
                : `Runtimes would go on using ${first.network ?? first.path}, unless --first is given.`
            } Running containers keep their devices.`,
            ...(first?.network
              ? [
                  `podlane cni install --chain ${first.network} would have Podlane know the new containers of ${first.network} from their start, and change nothing of theirs.`,
                ]
              : []),
          ]),
    ...(own.length > 0 && cni.plugin.state === 'missing'
      ? [`The plugin is missing at ${cni.plugin.path}: podlane cni install writes it.`]
      : []),
  ];
}

export function formatDiagnosis({
  node,
  agent,
  runtimes,
  cni,
  networkAgents,
  notLooked,
  conclusions,
}: Diagnosis): string {
  return [
    formatFieldLines({
      node: `${node.name}, kernel ${node.kernel}`,
      agent:
        agent === null
          ? 'does not answer'
          : `Podlane ${agent.version}, ${agent.netkit ? 'with' : 'without'} netkit`,
      containers: agent?.containers,
      plugin: `${cni.plugin.path}: ${cni.plugin.state}`,
    }),
    runtimes.length === 0
      ? 'no container runtimes'
      : formatTextTable(
          ['RUNTIME', 'SOCKET'],
          runtimes.map(({ kind, path }) => [kind, path]),
        ),
    formatNetworks(cni),
    networkAgents.length === 0
      ? 'no network agents of others'
      : formatTextTable(
          ['NETWORK AGENT', 'RUNS', 'KNOWN BY'],
          networkAgents.map((each) => [
            each.name,
            each.live === null ? 'not known' : each.live ? 'yes' : 'no',
            formatEvidence(each),
          ]),
        ),
    ...(notLooked.length === 0
      ? []
      : [['NOT LOOKED AT', ...notLooked.map((each) => `  ${each}`)].join('\n')]),
    conclusions.join('\n'),
  ].join('\n\n');
}

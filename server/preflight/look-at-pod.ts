import type { PreflightFinding } from '../../contract/preflight.ts';
import {
  listPreflightSubjects,
  type PreflightSubject,
  preflightReasons,
} from '../../contract/preflight-reasons.ts';
import { ProblemError } from '../../contract/problem.ts';
import { wrapAsProblemError } from '../datapath/wrap-as-problem.ts';
import { findOwningAgent } from '../kernel/foreign-agents.ts';
import { openNetworkNamespace } from '../kernel/netns.ts';
import { getLink, listLinks } from '../netlink/link.ts';
import type { NetworkLink } from '../netlink/link-message.ts';
import { getNamespaceId } from '../netlink/namespace-id.ts';
import { NetlinkSocket } from '../netlink/socket.ts';
import { createFinding, type NotLooked } from './findings.ts';
import { listPlanFindings, plannedSubjects } from './findings-of-plan.ts';
import { formatEvidence } from './look-at-node.ts';
import type { PreflightTarget } from './preflight-target.ts';
import type { NodeReading } from './read-node.ts';
import { findVirtualMachine } from './virtual-machine.ts';

/** What was found of a pod. */
export interface PodLook {
  /** Subjects that were to be looked at. */
  subjects: readonly PreflightSubject[];
  findings: PreflightFinding[];
  notLooked: NotLooked;
}

/** What is read of a pod beside its plan. */
interface PodReading {
  primary: NetworkLink | null;
  peer: NetworkLink | null;
  interfaces: readonly NetworkLink[];
  /** Id of the pod's namespace as the host numbers it; null without one. */
  namespaceId: number | null;
}

/** Subjects of a pod that is on netkit: nothing is planned for it. */
const subjectsOnNetkit = [
  'agents',
  'runtime',
  'queues',
  'mtu',
  'nat',
] as const satisfies readonly PreflightSubject[];

/** Looks at a pod, and changes nothing. What fails is named, and takes nothing else with it. */
export async function lookAtPod(target: PreflightTarget, node: NodeReading): Promise<PodLook> {
  const onNetkit = target.pod.kind === 'netkit';
  const look: PodLook & { notLooked: Map<PreflightSubject, string> } = {
    subjects: onNetkit ? subjectsOnNetkit : listPreflightSubjects('pod'),
    findings: [],
    notLooked: new Map(),
  };
  const attempt = async (
    subjects: readonly PreflightSubject[],
    read: () => Promise<PreflightFinding[]>,
  ): Promise<void> => {
    try {
      look.findings.push(...(await read()));
    } catch (error) {
      const problem = wrapAsProblemError(error);
      const { reason, outcome } = toFailure(problem);
      if (!look.findings.some((each) => each.reason === reason))
        look.findings.push(createFinding(reason, outcome, problem.message));
      for (const subject of subjects)
        if (preflightReasons[reason].subject !== subject) look.notLooked.set(subject, problem.message);
    }
  };
  if (!onNetkit)
    await attempt(plannedSubjects, async () => listPlanFindings(target.pod, await target.plan()));
  await attempt(['runtime', 'queues', 'mtu'], async () => {
    const reading = await readPod(target);
    return [
      ...listRuntimeFindings(target, node, reading),
      ...listQueueFindings(node, reading),
      ...listMtuFindings(node, reading),
    ];
  });
  await attempt(['agents', 'nat'], async () => {
    const { programs, translators } = await target.readHooks();
    const names = programs.filter(({ ours }) => !ours).map(({ name }) => name);
    return [
      ...listAgentFindings(target, node, names),
      ...translators.map((translator) =>
        createFinding(
          'translator',
          'note',
          `${translator.what} ${translator.name} on ${translator.hook} of ${translator.interface}: redirected packets ${redirectedText[translator.redirected]}`,
          { command: `podlane redirect ${target.pod.namespace}.${target.pod.name} --set off` },
        ),
      ),
    ];
  });
  return look;
}

const redirectedText = {
  before: 'pass it before Podlane’s program',
  bypassed: 'do not pass it',
  passed: 'pass it as well',
} as const;

/** Problems that refuse a migration before it is planned; others only keep the pod from being looked at. */
function toFailure({ code }: ProblemError): Pick<PreflightFinding, 'reason' | 'outcome'> {
  switch (code) {
    case 'pod_gone':
    case 'device_missing':
    case 'pod_busy':
    case 'migration_running':
    case 'no_slot':
      return { reason: code, outcome: 'refused' };
    default:
      return { reason: 'not_looked', outcome: 'unknown' };
  }
}

async function readPod({ netns, primaryIfindex, peerIfindex }: PreflightTarget): Promise<PodReading> {
  if (netns === null) throw new ProblemError('pod_gone', 'the pod’s network namespace is gone');
  using namespace = openNetworkNamespace(netns.path);
  if (namespace.inode !== netns.inode)
    throw new ProblemError('pod_gone', `${netns.path} is another network namespace than the pod’s`);
  using inside = NetlinkSocket.inNamespace(namespace.fd);
  using host = NetlinkSocket.open();
  const interfaces = await listLinks(inside);
  return {
    primary: primaryIfindex === null ? null : await getLink(host, { ifindex: primaryIfindex }),
    peer: interfaces.find(({ ifindex }) => ifindex === peerIfindex) ?? null,
    interfaces,
    namespaceId: await getNamespaceId(host, namespace.fd),
  };
}

function listRuntimeFindings(
  { runtime, netns }: PreflightTarget,
  { processes, allProcesses }: NodeReading,
  { interfaces }: PodReading,
): PreflightFinding[] {
  const programs = processes
    .filter(({ netnsInode }) => netnsInode === netns?.inode)
    .map(({ program }) => program);
  const machine = findVirtualMachine({ runtime, programs, interfaces });
  if (machine !== null)
    return [createFinding('virtual_machine', 'refused', `${machine.name}: ${machine.because}`)];
  if (allProcesses || runtime !== null) return [];
  return [
    createFinding(
      'runtime_not_known',
      'unknown',
      'the agent runs in a PID namespace of its own, so it does not see the processes of the pod',
    ),
  ];
}

/** Lists queues of other interfaces that a netkit device has leased; a veth device cannot lease any. */
function listQueueFindings(
  { leases, links }: NodeReading,
  { peer, namespaceId }: PodReading,
): PreflightFinding[] {
  if (peer?.kind !== 'netkit') return [];
  return leases
    .filter(({ to }) => to.ifindex === peer.ifindex && to.namespaceId === namespaceId)
    .map(({ of }) =>
      createFinding(
        'leased_queue',
        'note',
        `${of.type ?? ''} queue ${of.queue} of ${links.get(of.ifindex)?.name ?? `ifindex ${of.ifindex}`}`.trim(),
      ),
    );
}

function listMtuFindings({ uplink }: NodeReading, { primary, peer }: PodReading): PreflightFinding[] {
  if (primary === null || peer === null) return [];
  return [
    ...(primary.mtu === peer.mtu
      ? []
      : [
          createFinding(
            'mtu_differs',
            'note',
            `${peer.name} in the pod has ${peer.mtu} bytes, ${primary.name} on the host ${primary.mtu}`,
          ),
        ]),
    ...(uplink === null || uplink.mtu >= peer.mtu
      ? []
      : [
          createFinding(
            'mtu_above_uplink',
            'note',
            `${peer.name} has ${peer.mtu} bytes, the uplink ${uplink.name} ${uplink.mtu}`,
          ),
        ]),
  ];
}

/** Tells whether the pod's device belongs to a network agent of others, which would repair it. */
function listAgentFindings(
  { primaryIfindex }: PreflightTarget,
  { agents, links }: NodeReading,
  programs: readonly string[],
): PreflightFinding[] {
  const primary = primaryIfindex === null ? undefined : links.get(primaryIfindex);
  const bridge = primary?.master == null ? null : (links.get(primary.master)?.name ?? null);
  const owner = findOwningAgent({ name: primary?.name ?? '', bridge, programs }, agents.agents);
  if (owner === null) return agents.unread.map((why) => createFinding('agents_not_read', 'not_checked', why));
  const { agent, because } = owner;
  const known = `${because}; ${agent.name} is known by ${formatEvidence(agent)}`;
  if (agent.live === false)
    return [createFinding('foreign_agent_left', 'note', `${known}; no process of it runs`)];
  if (agent.live === null)
    return [createFinding('agents_not_read', 'unknown', `${known}; whether it runs is not known`)];
  return [createFinding('foreign_agent_repairs', 'refused', `${known}; it repairs ${agent.repairs}`)];
}

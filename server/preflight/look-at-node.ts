import type { KernelCapability } from '../../contract/node.ts';
import type { PreflightFinding } from '../../contract/preflight.ts';
import type { ForeignAgent } from '../kernel/foreign-agents.ts';
import { createFinding } from './findings.ts';
import type { NodeReading } from './read-node.ts';

/** What no preflight looks at. */
export const neverLooked: readonly string[] = [
  'ipsets of interface names, and sockets that chose the interface by IP_UNICAST_IF or IP_MULTICAST_IF: they go on naming the old one.',
  'BPF programs elsewhere that keep the index of the pod’s interface in a map: every new device has other indexes.',
  'Programs of the pod that remember the interface’s index or MAC address without a socket bound to it.',
  'Fields of a packet that a program of others reads: mark, priority, queue and ingress interface are not the same at netkit’s hooks.',
  'Hardware and hypervisors behind the uplink that expect the pod’s MAC address.',
  'What a network agent does that runs outside the host’s network namespace, or is configured to start later.',
];

/** Lists what about the node stands against netkit, or has to be known. */
export const listNodeFindings = (node: NodeReading): PreflightFinding[] => [
  ...node.capabilities.filter(({ available }) => !available).map(toCapabilityFinding),
  ...listHelperFindings(node),
  ...(node.forwarding.ready ? [] : [createFinding('host_not_ready', 'refused', node.forwarding.detail)]),
  ...(node.slots.used < node.slots.max
    ? []
    : [createFinding('no_slot', 'refused', `all ${node.slots.max} device slots are in use`)]),
  ...node.agents.agents.map(toAgentFinding),
  ...node.agents.unread.map((why) => createFinding('agents_not_read', 'not_checked', why)),
  ...listNatFindings(node),
];

function toCapabilityFinding({ name, detail, hint }: KernelCapability): PreflightFinding {
  if (name === 'netkit') return createFinding('no_netkit', 'refused', detail);
  return createFinding('feature_missing', 'note', `${name}: ${detail}`, { remedy: hint });
}

function listHelperFindings({ helpers, capabilities }: NodeReading): PreflightFinding[] {
  const hasNetkit = capabilities.some(({ name, available }) => name === 'netkit' && available);
  return helpers
    .filter(({ works }) => works !== true)
    .map(({ helper, works, detail }) =>
      works === false
        ? createFinding('helper_lacking', 'note', `${helper} at netkit/peer: ${detail}`)
        : createFinding(
            'helpers_not_probed',
            'not_checked',
            `${helper}: ${hasNetkit ? detail : 'it is tried on a netkit device, which this kernel cannot make'}`,
          ),
    );
}

function toAgentFinding(agent: ForeignAgent): PreflightFinding {
  const { name, live, repairs } = agent;
  const known = `known by ${formatEvidence(agent)}`;
  if (live === false)
    return createFinding('foreign_agent_left', 'note', `${name}: no process of it runs; ${known}`);
  return createFinding(
    'foreign_agent',
    'note',
    `${name}${live === null ? ', if it runs,' : ''} repairs ${repairs}; ${known}`,
  );
}

/** Formats by what an agent is known: `process calico-node (pid 4711), interface vxlan.calico`. */
export const formatEvidence = ({ evidence }: Pick<ForeignAgent, 'evidence'>): string =>
  evidence.map(({ kind, text }) => `${kind} ${text}`).join(', ');

function listNatFindings({ nat, usesConntrack, redirect }: NodeReading): PreflightFinding[] {
  if (nat.unread !== null) return [createFinding('nat_not_read', 'not_checked', nat.unread)];
  if (nat.where.length === 0) return [];
  const where = nat.where.join(', ');
  if (usesConntrack || !redirect)
    return [
      createFinding(
        'node_nat',
        'note',
        `by ${where}: flows that are translated go through the host stack, on netkit as on veth`,
      ),
    ];
  return [
    createFinding(
      'nat_not_respected',
      'note',
      `by ${where}, and the programs do not look connections up in the kernel’s conntrack`,
    ),
  ];
}

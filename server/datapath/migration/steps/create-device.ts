import type { DeviceKind } from '../../../../contract/device.ts';
import type { StepRequest } from '../../../../contract/migration.ts';
import { getLink } from '../../../netlink/link.ts';
import { ifla } from '../../../netlink/link-attributes.ts';
import { getRawU32, type RawObject } from '../../../netlink/raw-object.ts';
import { addLearnedNeighbors } from '../../adopted/learned-neighbors.ts';
import {
  createDevicePair,
  deleteDevice,
  listDeviceSysctls,
  listHostEndSysctls,
} from '../../device/device-pair.ts';
import {
  hasIpv6Address,
  listPodGateways,
  podGatewayAddresses,
  stripPrefixLength,
} from '../../device/pod-gateways.ts';
import { isForeignDevice } from '../../device-indexes.ts';
import { carrySettings } from '../../network-state/carry-end.ts';
import { carryXdpPrograms } from '../../network-state/carry-xdp.ts';
import { countQueues } from '../../network-state/count-queues.ts';
import { type DeviceEndName, type EndState, hasLinkLayerAddresses } from '../../network-state/end-state.ts';
import { readEndState } from '../../network-state/read-end-state.ts';
import { trafficControlKind } from '../../network-state/traffic-control-requests.ts';
import { findMissingNeighbors } from '../../reconcile/neighbor-drift.ts';
import { formatTemporaryName } from '../../slot-allocator.ts';
import { deviceEndNames, getDeviceEnd } from '../device-ends.ts';
import type { MigrationPlanInput } from '../plan-input.ts';
import { formatNetnsArgument, netnsCommand, quoteShellWord, waitUntilCommand } from '../shell-commands.ts';
import type { MigrationStepContext, MigrationStepDefinition } from '../step-definition.ts';

/** Seconds that the kernel has to bring up both ends of the new device. */
const carrierSeconds = 5;

/** Creates the new device beside the old one and sets both ends up. */
export const createDeviceStep: MigrationStepDefinition<'made'> = {
  name: 'made',
  describe: ({ from, to }) =>
    to.kind === 'veth'
      ? `Create a veth pair beside the ${from.kind} pair, with static MACs and neighbors`
      : `Create a netkit pair beside the ${from.kind} pair; a blackhole peer passes nothing before it has a program`,

  requests: (plan) => [
    plan.to.kind === 'veth' ? createVeth(plan) : createNetkit(plan),
    ...(plan.adopted ? [] : [setAlias(plan)]),
    ...sysctls(plan),
    ...bothUp(plan),
    ...(plan.adopted ? [] : [...gatewayAddress(plan), ...neighbors(plan)]),
    ...carrier(plan),
  ],

  async run(context) {
    const { kernel, namespace, pod, to, addresses, recorded } = context;
    const name = formatTemporaryName(to.slot);
    const released = isForeignDevice(to) ? pod.adoption?.device.queues : undefined;
    await createDevicePair(kernel, namespace, pod, to, {
      names: { primary: name, peer: name },
      // Entries of further addresses are carried over; a device without link-layer addresses had none.
      addresses: hasLinkLayerAddresses(recorded.state.host) ? pod.network.addresses : addresses,
      ends: {
        primary: creationSettings(recorded.state.host, to.kind, released?.primary),
        peer: creationSettings(recorded.state.pod, to.kind, released?.peer),
      },
    });
    if (!hasLinkLayerAddresses(recorded.state.host)) {
      const gateways = (context.oldNetwork?.podRoutes ?? []).flatMap(({ gateway }) => gateway ?? []);
      await addLearnedNeighbors(kernel, namespace, pod, to, gateways);
    }
    for (const end of deviceEndNames) {
      const old = recorded.state[end];
      const fresh = getDeviceEnd(context, 'new', end);
      await carrySettings(old, fresh, await readEndState(fresh), (filter) =>
        carriesFilter(context, end, filter),
      );
      await carryXdpPrograms(
        old,
        getDeviceEnd(context, 'new', end).socket,
        getDeviceEnd(context, 'new', end).ifindex,
      );
    }
  },

  async undo({ kernel, to, onDeviceRemoved: removed }) {
    await deleteDevice(kernel, to);
    await removed(to);
  },

  verify: async (context) => [...(await endsThatDiffer(context)), ...(await neighborsThatDiffer(context))],
};

/**
 * Returns the settings of an end that the kernel takes at creation: netkit has one queue.
 * @param released queues of the device that a released pod returns to
 */
function creationSettings(old: EndState, kind: DeviceKind, released?: { transmit: number; receive: number }) {
  const mtu = getRawU32(old.link, ifla.mtu) ?? 1500;
  const queues = released ?? countQueues(old.queues);
  return kind === 'veth' && queues.transmit + queues.receive > 2 ? { mtu, queues } : { mtu };
}

/** Tells whether a filter is carried here: with programs on clsact hooks, the step `attached` carries those. */
function carriesFilter({ from }: MigrationStepContext, end: DeviceEndName, filter: RawObject): boolean {
  return !(end === 'host' && from.hooks === 'tc' && trafficControlKind(filter) === 'bpf');
}

function createVeth({ to, netns, network, device }: MigrationPlanInput): StepRequest {
  const { mtu } = network;
  const { primary, peer } = to;
  return {
    words: `RTM_NEWLINK ${primary.name} kind veth, ifindex ${primary.ifindex}, peer ${peer.name} ifindex ${peer.ifindex}, both MACs given, MTU ${mtu}`,
    command: `ip link add ${primary.name} index ${primary.ifindex} mtu ${mtu} address ${device.primaryMac} type veth peer name ${peer.name} index ${peer.ifindex} mtu ${mtu} address ${device.peerMac} netns ${formatNetnsArgument(netns)}`,
  };
}

function createNetkit({ to, netns, network, device, policy }: MigrationPlanInput): StepRequest {
  const { mtu, netkit } = network;
  const { primary, peer } = to;
  const mac = (address: string | null) => (address === null ? '' : ` address ${address}`);
  // Kernels and iproute2 without the attribute scrub as by default.
  const scrubs = Object.values(netkit.scrub).includes('none');
  const scrub = (end: 'primary' | 'peer') => (scrubs ? ` scrub ${netkit.scrub[end]}` : '');
  return {
    words: `RTM_NEWLINK ${primary.name} kind netkit, mode ${netkit.mode}, primary ${policy.primary}, peer ${policy.peer}, ifindex ${primary.ifindex}, peer ${peer.name} ifindex ${peer.ifindex}, MTU ${mtu}`,
    command: `ip link add ${primary.name} index ${primary.ifindex} mtu ${mtu}${mac(device.primaryMac)} type netkit mode ${netkit.mode} ${policy.primary}${scrub('primary')} peer ${policy.peer}${scrub('peer')} name ${peer.name} index ${peer.ifindex} mtu ${mtu}${mac(device.peerMac)} netns ${formatNetnsArgument(netns)}`,
  };
}

/** The alias is set apart: `ip link add` does not take one. */
const setAlias = ({ to, alias }: MigrationPlanInput): StepRequest => ({
  words: `RTM_NEWLINK ifindex ${to.primary.ifindex}, IFLA_IFALIAS ${alias}`,
  command: `ip link set ${to.primary.name} alias ${quoteShellWord(alias)}`,
});

function sysctls({ to, netns, network, ipv6, reversePath }: MigrationPlanInput): StepRequest[] {
  const command = (name: string, all: string, more: [path: string, value: string][] = []): string =>
    `sysctl -qw ${[...listDeviceSysctls(name, all, { kernel: ipv6, pod: hasIpv6Address(network) }), ...more]
      .map(([path, value]) => `${path}=${value}`)
      .join(' ')}`;
  const { name } = to.primary;
  return [
    {
      words: `sysctls of ${name}`,
      command: command(name, reversePath.host.all, listHostEndSysctls(name, ipv6)),
    },
    {
      words: `sysctls of ${to.peer.name}, in the pod`,
      command: netnsCommand(netns, command(to.peer.name, reversePath.pod.all)),
    },
  ];
}

const bothUp = ({ to, netns }: MigrationPlanInput): StepRequest[] => [
  {
    words: `RTM_NEWLINK ifindex ${to.primary.ifindex}, IFF_UP`,
    command: `ip link set ${to.primary.name} up`,
  },
  {
    words: `RTM_NEWLINK ifindex ${to.peer.ifindex}, IFF_UP, in the pod`,
    command: netnsCommand(netns, `ip link set ${to.peer.name} up`),
  },
];

/** Lists the request that adds the IPv6 gateway address to the host. No interface has the IPv4 gateway address. */
const gatewayAddress = ({ to, network }: MigrationPlanInput): StepRequest[] =>
  hasIpv6Address(network)
    ? [
        {
          words: `RTM_NEWADDR ${podGatewayAddresses.ipv6}/128 on ${to.primary.name}`,
          command: `ip address replace ${podGatewayAddresses.ipv6}/128 dev ${to.primary.name} nodad`,
        },
      ]
    : [];

/**
 * Lists the requests for permanent neighbors of a device with MACs: the pod's addresses on the host, the gateways in
 * the pod.
 */
function neighbors({ from, to, netns, network, device, ...plan }: MigrationPlanInput): StepRequest[] {
  const { primaryMac, peerMac } = device;
  if (!primaryMac || !peerMac) return [];
  // A device with link-layer addresses has entries of its own for further addresses.
  const hadNeighbors = from.kind === 'veth' || network.netkit.mode === 'l2';
  const addresses = hadNeighbors ? network.addresses : plan.addresses;
  return [
    ...addresses.map(stripPrefixLength).map((address) => ({
      words: `RTM_NEWNEIGH ${address} at ${peerMac}, permanent`,
      command: `ip neigh replace ${address} lladdr ${peerMac} dev ${to.primary.name} nud permanent`,
    })),
    ...listPodGateways(network).map((address) => ({
      words: `RTM_NEWNEIGH ${address} at ${primaryMac}, permanent, in the pod`,
      command: netnsCommand(
        netns,
        `ip neigh replace ${address} lladdr ${primaryMac} dev ${to.peer.name} nud permanent`,
      ),
    })),
  ];
}

/**
 * Waits for carrier: a device that is up still drops packets until the kernel's link watch has replaced its `noop`
 * qdisc.
 */
function carrier({ to, netns }: MigrationPlanInput): StepRequest[] {
  const wait = (name: string): string =>
    waitUntilCommand(carrierSeconds, `ip link show ${name} | grep -v 'qdisc noop ' | grep -q 'state UP'`);
  return [
    { words: `RTM_GETLINK until ${to.primary.name} is up`, command: wait(to.primary.name) },
    {
      words: `RTM_GETLINK until ${to.peer.name} is up, in the pod`,
      command: netnsCommand(netns, wait(to.peer.name)),
    },
  ];
}

async function endsThatDiffer({
  kernel,
  namespace,
  to,
  ...context
}: MigrationStepContext): Promise<string[]> {
  const ends = {
    primary: await getLink(kernel.host, { ifindex: context.newPrimary }),
    peer: await getLink(namespace.socket, { ifindex: context.newPeer }),
  };
  return Object.entries(ends).flatMap(([end, link]) =>
    link === null
      ? [`the ${end} is gone`]
      : [
          ...(link.kind === to.kind ? [] : [`the ${end} is a ${link.kind} device, not ${to.kind}`]),
          ...(link.running ? [] : [`the ${end} is down`]),
        ],
  );
}

async function neighborsThatDiffer({ kernel, namespace, pod, to }: MigrationStepContext): Promise<string[]> {
  const missing = await findMissingNeighbors(kernel, namespace, pod, to);
  return missing.map((address) => `the permanent neighbor ${address} is missing`);
}

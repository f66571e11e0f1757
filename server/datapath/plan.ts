import type { DeviceRef, MigrationStep, PlannedStep } from '../../contract/migration.ts';
import { inNamespace, netnsArgument } from './commands.ts';
import { hooksOf, programName } from './hooks.ts';
import { peerMac, primaryMac } from './slots.ts';

/** What a migration carries over, as read from the kernel just before. */
export interface PlanInput {
  from: DeviceRef;
  to: DeviceRef;
  netns: string;
  interface: string;
  mtu: number;
  gateway: string;
  /** CIDR. */
  addresses: string[];
  /** Routes on the old peer and on the old primary, as `ip route` takes them, without `dev`. */
  podRoutes: string[];
  hostRoutes: string[];
  pins: string;
  liveRename: boolean;
}

/** The ten steps with what each asks of the kernel. Pure: the same input gives the same plan. */
export function planSteps(input: PlanInput): PlannedStep[] {
  const { from, to } = input;
  const step = (
    name: MigrationStep,
    undoable: boolean,
    description: string,
    requests: PlannedStep['requests'],
  ): PlannedStep => ({ step: name, description, undoable, requests });

  return [
    step('planned', true, 'Write the plan to the journal, before anything is touched', []),
    step('made', true, madeDescription[to.kind], to.kind === 'veth' ? makeVeth(input) : makeNetkit(input)),
    step(
      'attached',
      true,
      `Put from_pod and to_pod on ${hooksOf[to.kind].out} and ${hooksOf[to.kind].in}`,
      attach(input),
    ),
    step(
      'addressed',
      true,
      'Give the new peer the same address, beside the old',
      input.addresses.map((address) => ({
        words: `RTM_NEWADDR ${address} on ${to.peer.name} (ifindex ${to.peer.ifindex})`,
        command: inNamespace(input.netns, `ip address add ${address} dev ${to.peer.name}`),
      })),
    ),
    step('routed-pod', true, 'Pod sends through the new device', [
      ...input.podRoutes.map((route) => ({
        words: `RTM_NEWROUTE replace ${route}, device ${to.peer.name}`,
        command: inNamespace(input.netns, `ip route replace ${withDevice(route, to.peer.name)}`),
      })),
    ]),
    step('routed-host', true, 'Host sends through the new device', [
      ...input.hostRoutes.map((route) => ({
        words: `RTM_NEWROUTE replace ${route}, device ${to.primary.name}`,
        command: `ip route replace ${withDevice(route, to.primary.name)}`,
      })),
    ]),
    step('drained', false, 'Wait until the old device has carried nothing for 100 ms, two seconds at most', [
      { words: `read the counters of slot ${from.slot} until they stand still`, command: 'sleep 0.1' },
    ]),
    step('removed', false, `Delete the ${from.kind} pair; its programs go with it`, [
      {
        words: `RTM_DELLINK ifindex ${from.primary.ifindex}`,
        command: `ip link delete ${from.primary.name}`,
      },
    ]),
    step(
      'renamed',
      false,
      input.liveRename
        ? `Name the new peer ${input.interface}, while it is up`
        : `Keep the name ${to.peer.name}: this kernel cannot rename an interface that is up`,
      input.liveRename
        ? [
            {
              words: `RTM_NEWLINK ifindex ${to.peer.ifindex}, IFLA_IFNAME ${input.interface}`,
              command: inNamespace(input.netns, `ip link set ${to.peer.name} name ${input.interface}`),
            },
          ]
        : [],
    ),
    step(
      'verified',
      false,
      'Both directions counted on the new device, nothing on the old; MTU, addresses and routes equal',
      [
        { words: `read the counters of slot ${to.slot}`, command: `ip -s link show ${to.primary.name}` },
        {
          words: 'RTM_GETLINK, RTM_GETADDR and RTM_GETROUTE in the pod',
          command: inNamespace(
            input.netns,
            `ip -d address show dev ${input.liveRename ? input.interface : to.peer.name}`,
          ),
        },
        { words: `RTM_GETROUTE on the host`, command: `ip route show dev ${to.primary.name}` },
      ],
    ),
  ];
}

const madeDescription = {
  veth: 'Make the veth pair beside the netkit one, MACs and neighbours fixed',
  netkit: 'Make the netkit pair beside the veth one, its peer closed until a program lets packets out',
} as const;

function makeVeth({ to, netns, mtu, gateway, addresses }: PlanInput): PlannedStep['requests'] {
  const [hostMac, podMac] = [primaryMac(to.slot), peerMac(to.slot)];
  return [
    {
      words: `RTM_NEWLINK ${to.primary.name} kind veth, ifindex ${to.primary.ifindex}, peer ${to.peer.name} ifindex ${to.peer.ifindex}, both MACs given, MTU ${mtu}`,
      command: `ip link add ${to.primary.name} index ${to.primary.ifindex} mtu ${mtu} address ${hostMac} type veth peer name ${to.peer.name} index ${to.peer.ifindex} mtu ${mtu} address ${podMac} netns ${netnsArgument(netns)}`,
    },
    ...bothUp(to, netns),
    ...addresses.map((address) => ({
      words: `RTM_NEWNEIGH ${host(address)} at ${podMac}, permanent`,
      command: `ip neigh replace ${host(address)} lladdr ${podMac} dev ${to.primary.name} nud permanent`,
    })),
    {
      words: `RTM_NEWNEIGH ${gateway} at ${hostMac}, permanent, in the pod`,
      command: inNamespace(
        netns,
        `ip neigh replace ${gateway} lladdr ${hostMac} dev ${to.peer.name} nud permanent`,
      ),
    },
  ];
}

function makeNetkit({ to, netns, mtu }: PlanInput): PlannedStep['requests'] {
  return [
    {
      words: `RTM_NEWLINK ${to.primary.name} kind netkit, mode l3, primary forward, peer blackhole, ifindex ${to.primary.ifindex}, peer ${to.peer.name} ifindex ${to.peer.ifindex}, MTU ${mtu}`,
      command: `ip link add ${to.primary.name} index ${to.primary.ifindex} mtu ${mtu} type netkit mode l3 forward peer blackhole name ${to.peer.name} index ${to.peer.ifindex} mtu ${mtu} netns ${netnsArgument(netns)}`,
    },
    ...bothUp(to, netns),
  ];
}

const bothUp = (to: DeviceRef, netns: string): PlannedStep['requests'] => [
  {
    words: `RTM_NEWLINK ifindex ${to.primary.ifindex}, IFF_UP`,
    command: `ip link set ${to.primary.name} up`,
  },
  {
    words: `RTM_NEWLINK ifindex ${to.peer.ifindex}, IFF_UP, in the pod`,
    command: inNamespace(netns, `ip link set ${to.peer.name} up`),
  },
];

/** bpftool 7.5 attaches tcx but not netkit, so there the step shows the system call. */
function attach({ to, pins }: PlanInput): PlannedStep['requests'] {
  return (['out', 'in'] as const).map((direction) => {
    const hook = hooksOf[to.kind][direction];
    const pin = `${pins}/programs/${programName[direction]}_${to.kind === 'netkit' ? 'netkit' : 'tcx'}`;
    const type = attachType[hook];
    return {
      words: `BPF_LINK_CREATE ${programName[direction]} on ${to.primary.name}, ${type}`,
      command:
        to.kind === 'netkit'
          ? `bpf(BPF_LINK_CREATE, {prog_fd = BPF_OBJ_GET("${pin}"), target_ifindex = ${to.primary.ifindex}, attach_type = ${type}})`
          : `bpftool net attach ${hook.replace('/', '_')} pinned ${pin} dev ${to.primary.name}`,
    };
  });
}

const attachType = {
  'netkit/peer': 'BPF_NETKIT_PEER',
  'netkit/primary': 'BPF_NETKIT_PRIMARY',
  'tcx/ingress': 'BPF_TCX_INGRESS',
  'tcx/egress': 'BPF_TCX_EGRESS',
} as const;

const host = (cidr: string): string => cidr.slice(0, cidr.indexOf('/'));

/** `default via 169.254.1.1 onlink` becomes `default via 169.254.1.1 dev eth0 onlink`. */
function withDevice(route: string, device: string): string {
  const words = route.split(' ');
  const at = words.indexOf('via') === 1 ? 3 : 1;
  return [...words.slice(0, at), 'dev', device, ...words.slice(at)].join(' ');
}

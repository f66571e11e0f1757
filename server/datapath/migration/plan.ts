import type { Hook } from '../../../contract/device.ts';
import type { DeviceRef, MigrationStep, PlannedStep } from '../../../contract/migration.ts';
import type { NetkitOptions, PodNetwork } from '../../../contract/network.ts';
import { clsactHandle, clsactPriority } from '../device/clsact.ts';
import type { Stranger } from '../device/foreign-programs.ts';
import { hooksOf, programName } from '../device/hooks.ts';
import { bare, gateways, gatewaysOf, hasIpv6 } from '../device/next-hops.ts';
import type { NewDeviceRecord } from '../store.ts';
import { inNamespace, netnsArgument } from './ip-commands.ts';

/** What a migration carries over, as read from the kernel just before. */
export interface PlanInput {
  from: DeviceRef;
  to: DeviceRef;
  /** The new device's MACs and hooks. */
  device: Pick<NewDeviceRecord, 'hooks' | 'primaryMac' | 'peerMac'>;
  /** The new device's, if it is netkit. */
  policy: NetkitOptions['policy'];
  netns: string;
  network: PodNetwork;
  /** CIDRs on the old peer. */
  addresses: string[];
  /** Routes on the old peer and on the old primary, as `ip route` takes them, without `dev`. */
  podRoutes: string[];
  hostRoutes: string[];
  /** Programs of others that go along. */
  strangers: readonly Stranger[];
  pins: string;
  liveRename: boolean;
}

/** The ten steps with what each asks of the kernel. Pure: the same input gives the same plan. */
export function planSteps(input: PlanInput): PlannedStep[] {
  const { from, to, network, device } = input;
  const hooks = hooksOf[device.hooks];
  const step = (
    name: MigrationStep,
    undoable: boolean,
    description: string,
    requests: PlannedStep['requests'],
  ): PlannedStep => ({ step: name, description, undoable, requests });

  return [
    step('planned', true, 'Write the plan to the journal, before anything is touched', []),
    step('made', true, madeDescription[to.kind], [
      to.kind === 'veth' ? makeVeth(input) : makeNetkit(input),
      ...bothUp(to, input.netns),
      ...neighbours(input),
    ]),
    step('attached', true, `Put from_pod and to_pod on ${hooks.out} and ${hooks.in}`, [
      ...attach(input),
      ...carry(input),
    ]),
    step(
      'addressed',
      true,
      `Give the new peer the same ${input.addresses.length === 1 ? 'address' : 'addresses'}, beside the old`,
      input.addresses.map((address) => ({
        words: `RTM_NEWADDR ${address} on ${to.peer.name} (ifindex ${to.peer.ifindex})`,
        command: inNamespace(
          input.netns,
          `ip address add ${address} dev ${to.peer.name}${address.includes(':') ? ' nodad' : ''}`,
        ),
      })),
    ),
    step('routed-pod', true, 'Pod sends through the new device', [
      ...input.podRoutes.map((route) => ({
        words: `RTM_NEWROUTE replace ${route}, device ${to.peer.name}`,
        command: inNamespace(input.netns, replaceRoute(route, to.peer.name)),
      })),
    ]),
    step('routed-host', true, 'Host sends through the new device', [
      ...input.hostRoutes.map((route) => ({
        words: `RTM_NEWROUTE replace ${route}, device ${to.primary.name}`,
        command: replaceRoute(route, to.primary.name),
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
        ? `Name the new peer ${network.interface}, while it is up`
        : `Call ${to.peer.name} ${network.interface} as well: this kernel cannot rename an interface that is up`,
      [
        input.liveRename
          ? {
              words: `RTM_NEWLINK ifindex ${to.peer.ifindex}, IFLA_IFNAME ${network.interface}`,
              command: inNamespace(input.netns, `ip link set ${to.peer.name} name ${network.interface}`),
            }
          : {
              words: `RTM_NEWLINKPROP ifindex ${to.peer.ifindex}, IFLA_ALT_IFNAME ${network.interface}`,
              command: inNamespace(
                input.netns,
                `ip link property add dev ${to.peer.name} altname ${network.interface}`,
              ),
            },
      ],
    ),
    step(
      'verified',
      false,
      'Both directions counted on the new device, nothing on the old; MTU, addresses and routes equal',
      [
        { words: `read the counters of slot ${to.slot}`, command: `ip -s link show ${to.primary.name}` },
        {
          words: 'RTM_GETLINK, RTM_GETADDR and RTM_GETROUTE in the pod',
          command: inNamespace(input.netns, `ip -d address show dev ${network.interface}`),
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

type Request = PlannedStep['requests'][number];

function makeVeth({ to, netns, network, device }: PlanInput): Request {
  const { mtu } = network;
  return {
    words: `RTM_NEWLINK ${to.primary.name} kind veth, ifindex ${to.primary.ifindex}, peer ${to.peer.name} ifindex ${to.peer.ifindex}, both MACs given, MTU ${mtu}`,
    command: `ip link add ${to.primary.name} index ${to.primary.ifindex} mtu ${mtu} address ${device.primaryMac} type veth peer name ${to.peer.name} index ${to.peer.ifindex} mtu ${mtu} address ${device.peerMac} netns ${netnsArgument(netns)}`,
  };
}

function makeNetkit({ to, netns, network, device, policy }: PlanInput): Request {
  const { mtu, netkit } = network;
  const [primaryMac, peerMac] = [device.primaryMac, device.peerMac].map((mac) =>
    mac ? ` address ${mac}` : '',
  );
  const { primary, peer } = netkit.scrub;
  const scrub = primary === 'none' || peer === 'none' ? ` scrub ${primary} peer scrub ${peer}` : '';
  return {
    words: `RTM_NEWLINK ${to.primary.name} kind netkit, mode ${netkit.mode}, primary ${policy.primary}, peer ${policy.peer}, ifindex ${to.primary.ifindex}, peer ${to.peer.name} ifindex ${to.peer.ifindex}, MTU ${mtu}`,
    command: `ip link add ${to.primary.name} index ${to.primary.ifindex} mtu ${mtu}${primaryMac} type netkit mode ${netkit.mode} ${policy.primary} peer ${policy.peer}${scrub} name ${to.peer.name} index ${to.peer.ifindex} mtu ${mtu}${peerMac} netns ${netnsArgument(netns)}`,
  };
}

/** Permanent ones on a device with MACs, and the IPv6 gateway's address, which the host really has. */
function neighbours({ to, netns, network, device, addresses }: PlanInput): Request[] {
  const { primaryMac, peerMac } = device;
  const gateway = hasIpv6(network)
    ? [
        {
          words: `RTM_NEWADDR ${gateways.ipv6}/128 on ${to.primary.name}`,
          command: `ip address replace ${gateways.ipv6}/128 dev ${to.primary.name} nodad`,
        },
      ]
    : [];
  if (!primaryMac || !peerMac) return gateway;
  return [
    ...gateway,
    ...addresses.map(bare).map((address) => ({
      words: `RTM_NEWNEIGH ${address} at ${peerMac}, permanent`,
      command: `ip neigh replace ${address} lladdr ${peerMac} dev ${to.primary.name} nud permanent`,
    })),
    ...gatewaysOf(network).map((address) => ({
      words: `RTM_NEWNEIGH ${address} at ${primaryMac}, permanent, in the pod`,
      command: inNamespace(
        netns,
        `ip neigh replace ${address} lladdr ${primaryMac} dev ${to.peer.name} nud permanent`,
      ),
    })),
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
function attach({ to, pins, device }: PlanInput): Request[] {
  return (['in', 'out'] as const).flatMap((direction) => {
    const hook: Hook = hooksOf[device.hooks][direction];
    const pin = `${pins}/programs/${programName[direction]}_${device.hooks}`;
    const name = to.primary.name;
    if (hook === 'tc/ingress' || hook === 'tc/egress')
      return {
        words: `RTM_NEWTFILTER ${programName[direction]} on ${name}, ${hook.slice(3)} of its clsact qdisc`,
        command: `tc qdisc replace dev ${name} clsact && tc filter replace dev ${name} ${hook.slice(3)} pref ${clsactPriority} handle ${clsactHandle} protocol all bpf direct-action object-pinned ${pin}`,
      };
    const type = attachType[hook];
    return {
      words: `BPF_LINK_CREATE ${programName[direction]} on ${name}, ${type}`,
      command:
        device.hooks === 'netkit'
          ? `bpf(BPF_LINK_CREATE, {prog_fd = BPF_OBJ_GET("${pin}"), target_ifindex = ${to.primary.ifindex}, attach_type = ${type}})`
          : `bpftool net attach ${hook.replace('/', '_')} pinned ${pin} dev ${name}`,
    };
  });
}

function carry({ to, device, strangers }: PlanInput): Request[] {
  return strangers.map(({ id, name, direction, beforeOurs, user }) => {
    const hook: Hook = hooksOf[device.hooks][direction];
    const place = `${beforeOurs ? 'before' : 'after'} ours`;
    const words = `put program ${name || id} (id ${id}) of ${user ? `a user, number ${user.number} of the pod,` : 'somebody else'} on ${hook} of ${to.primary.name}, ${place}`;
    if (hook === 'tc/ingress' || hook === 'tc/egress')
      return {
        words,
        command: `bpftool prog pin id ${id} /sys/fs/bpf/p${id} && tc filter add dev ${to.primary.name} ${hook.slice(3)} protocol all bpf direct-action object-pinned /sys/fs/bpf/p${id}`,
      };
    return {
      words,
      command:
        device.hooks === 'tcx' && !beforeOurs
          ? `bpftool net attach ${hook.replace('/', '_')} id ${id} dev ${to.primary.name}`
          : `bpf(BPF_PROG_ATTACH, {target_ifindex = ${to.primary.ifindex}, attach_bpf_fd = BPF_PROG_GET_FD_BY_ID(${id}), attach_type = ${attachType[hook]}${beforeOurs ? ', attach_flags = BPF_F_BEFORE' : ''}})`,
    };
  });
}

const attachType = {
  'netkit/peer': 'BPF_NETKIT_PEER',
  'netkit/primary': 'BPF_NETKIT_PRIMARY',
  'tcx/ingress': 'BPF_TCX_INGRESS',
  'tcx/egress': 'BPF_TCX_EGRESS',
} as const;

/** `default via fe80::1` as `ip -6 route replace default via fe80::1 dev eth0`. */
const replaceRoute = (route: string, device: string): string =>
  `ip ${route.includes(':') ? '-6 ' : ''}route replace ${withDevice(route, device)}`;

/** `default via 169.254.1.1 onlink` becomes `default via 169.254.1.1 dev eth0 onlink`. */
function withDevice(route: string, device: string): string {
  const words = route.split(' ');
  const at = words.indexOf('via') === 1 ? 3 : 1;
  return [...words.slice(0, at), 'dev', device, ...words.slice(at)].join(' ');
}

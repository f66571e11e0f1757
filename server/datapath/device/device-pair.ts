import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isIpv6Text } from '../../../contract/cidr.ts';
import { ProblemError } from '../../../contract/problem.ts';
import { slotToPeerIfindex, slotToPrimaryIfindex } from '../../bpf/datapath-structs.ts';
import { readSysctl, writeSysctl } from '../../kernel/sysctl.ts';
import { replaceAddress } from '../../netlink/address.ts';
import { deleteLink, getLink, setLink } from '../../netlink/link.ts';
import { replaceNeighbor } from '../../netlink/neighbor.ts';
import { addNetkit } from '../../netlink/netkit.ts';
import { isNetlinkError } from '../../netlink/netlink-error.ts';
import { NetlinkSocket } from '../../netlink/socket.ts';
import { addVeth } from '../../netlink/veth.ts';
import type { DeviceRecord, PodRecord } from '../../store/records.ts';
import type { KernelContext } from '../kernel-context.ts';
import type { PodNamespace } from '../pod-namespaces.ts';
import { hasIpv6Address, listPodGateways, podGatewayAddresses, stripPrefixLength } from './pod-gateways.ts';
import { releaseSlotPrograms } from './podlane-programs.ts';
import { chooseFilterValue, reversePathSysctl } from './reverse-path-filter.ts';

/** How a device pair is created. */
export interface NewDevicePairOptions {
  names: { primary: string; peer: string };
  /** Addresses of the pod in CIDR notation, which the host gets permanent neighbor entries for. */
  addresses: readonly string[];
  /** Settings of the ends that the kernel takes at creation only; default the pod's MTU, and one queue. */
  ends?: Record<'primary' | 'peer', { mtu: number; queues?: { transmit: number; receive: number } }>;
}

/** Maximum time, in milliseconds, until the kernel reports carrier on both ends of a new device. */
const carrierLimitMs = 5000;

/**
 * Creates the pair with both ends up and, where it has MACs, with permanent neighbor entries: with ARP a migration
 * loses 0.2 % of the packets. Completes a pair that exists already.
 * @throws ProblemError `kernel_refused` when the ifindex belongs to a device of another kind
 */
export async function createDevicePair(
  kernel: KernelContext,
  namespace: PodNamespace,
  pod: PodRecord,
  device: DeviceRecord,
  { names, addresses, ends }: NewDevicePairOptions,
): Promise<void> {
  const { slot, kind } = device;
  const primaryName = names.primary;
  const existing = await getLink(kernel.host, { ifindex: slotToPrimaryIfindex(slot) });
  if (existing && existing.kind !== kind)
    throw new ProblemError(
      'kernel_refused',
      `create ${kind} ${primaryName}: ifindex ${existing.ifindex} is ${existing.name}, a ${existing.kind ?? 'physical'} device`,
      {
        hint: `Delete it if it is yours: ip link delete ${existing.name}`,
      },
    );
  if (!existing) await addPair(kernel, namespace, pod, device, names, ends);
  setSysctls(primaryName, hasIpv6Address(pod.network));
  for (const [path, value] of listHostEndSysctls(primaryName, isKernelIpv6Enabled()))
    writeSysctl(path, value);
  setSysctls(names.peer, hasIpv6Address(pod.network), namespace.fd);
  // The kernel takes no alias at creation.
  await setLink(kernel.host, slotToPrimaryIfindex(slot), { up: true, alias: formatDeviceAlias(pod) });
  await setLink(namespace.socket, slotToPeerIfindex(slot), { up: true });
  if (hasIpv6Address(pod.network))
    await replaceAddress(kernel.host, slotToPrimaryIfindex(slot), `${podGatewayAddresses.ipv6}/128`);
  await setPodNeighbors(kernel, namespace, pod, device, addresses);
  await waitForCarrier(kernel.host, slotToPrimaryIfindex(slot));
  await waitForCarrier(namespace.socket, slotToPeerIfindex(slot));
}

/**
 * Waits until an end carries traffic. The end that goes up first has no carrier yet and gets the `noop` queue, which
 * drops all packets. The kernel replaces it in a worker (net/core/link_watch.c) that waits for RTNL: at once on an idle
 * node, later on a busy one.
 */
async function waitForCarrier(socket: NetlinkSocket, ifindex: number): Promise<void> {
  const deadline = performance.now() + carrierLimitMs;
  for (;;) {
    const link = await getLink(socket, { ifindex });
    if (link?.operationalState === 'up' && link.queueingDiscipline !== 'noop') return;
    if (!link || performance.now() > deadline)
      throw new ProblemError(
        'device_missing',
        `bring up ifindex ${ifindex}: ${link ? `${link.name} is ${link.operationalState}, queue ${link.queueingDiscipline}, after ${carrierLimitMs} ms` : 'it is gone'}`,
        { hint: 'See `ip link`; another program may have taken the device down.' },
      );
    await sleep(1);
  }
}

/**
 * Lists the sysctls of an end, to be set before it goes up. During a migration two devices have the pod's address, and
 * a strict reverse path check would drop what arrives on the one that is not routed to. Link-local addresses, duplicate
 * address detection and autoconfiguration are off: a pod has the addresses it was given, and solicitations would be
 * counted, and dropped, as packets of the pod.
 * @param reversePathOfAll value of `rp_filter` for all interfaces of the end's namespace
 */
export const listDeviceSysctls = (
  name: string,
  reversePathOfAll: string,
  ipv6: { kernel: boolean; pod: boolean },
): [path: string, value: string][] => [
  [reversePathSysctl(name), chooseFilterValue(reversePathOfAll)],
  ...(ipv6.kernel ? ([[`net/ipv6/conf/${name}/addr_gen_mode`, '1']] as [string, string][]) : []),
  ...(ipv6.kernel && ipv6.pod
    ? ([
        [`net/ipv6/conf/${name}/accept_dad`, '0'],
        [`net/ipv6/conf/${name}/accept_ra`, '0'],
        // Container runtimes disable IPv6 in namespaces they made for IPv4.
        [`net/ipv6/conf/${name}/disable_ipv6`, '0'],
      ] as [string, string][])
    : []),
];

/**
 * Lists the sysctls of the host's end alone: a pod must neither change the node's routes (ICMP redirects, router
 * advertisements) nor choose the path of its packets (source routes), and needs no redirects itself, since it has one
 * gateway.
 */
export const listHostEndSysctls = (name: string, ipv6: boolean): [path: string, value: string][] => [
  [`net/ipv4/conf/${name}/accept_redirects`, '0'],
  [`net/ipv4/conf/${name}/send_redirects`, '0'],
  [`net/ipv4/conf/${name}/accept_source_route`, '0'],
  ...(ipv6
    ? ([
        [`net/ipv6/conf/${name}/accept_redirects`, '0'],
        // -1: not even the type 2 of mobile IPv6.
        [`net/ipv6/conf/${name}/accept_source_route`, '-1'],
        [`net/ipv6/conf/${name}/accept_ra`, '0'],
      ] as [string, string][])
    : []),
];

export const isKernelIpv6Enabled = (): boolean => existsSync('/proc/sys/net/ipv6');

function setSysctls(name: string, podHasIpv6: boolean, namespaceFd?: number): void {
  const all = readSysctl(reversePathSysctl('all'), namespaceFd);
  const ipv6 = { kernel: isKernelIpv6Enabled(), pod: podHasIpv6 };
  for (const [path, value] of listDeviceSysctls(name, all, ipv6)) writeSysctl(path, value, namespaceFd);
}

function addPair(
  kernel: KernelContext,
  namespace: PodNamespace,
  pod: PodRecord,
  device: DeviceRecord,
  names: NewDevicePairOptions['names'],
  ends: NewDevicePairOptions['ends'],
): Promise<void> {
  const { slot, primaryMac, peerMac } = device;
  const { network } = pod;
  const { netkit } = network;
  const { primary: primaryEnd, peer: peerEnd } = ends ?? {
    primary: { mtu: network.mtu },
    peer: { mtu: network.mtu },
  };
  const macs = primaryMac && peerMac ? ([{ mac: primaryMac }, { mac: peerMac }] as const) : [{}, {}];
  const primary = {
    name: names.primary,
    ifindex: slotToPrimaryIfindex(slot),
    ...primaryEnd,
    ...macs[0],
  };
  const peer = {
    name: names.peer,
    ifindex: slotToPeerIfindex(slot),
    ...peerEnd,
    netnsFd: namespace.fd,
    ...macs[1],
  };
  if (device.kind === 'veth') return addVeth(kernel.host, { primary, peer });
  return addNetkit(kernel.host, {
    mode: netkit.mode,
    policy: chooseNetkitPolicy(network, device),
    // Kernels without the attribute behave as with `default`.
    ...(Object.values(netkit.scrub).includes('none') ? { scrub: netkit.scrub } : {}),
    primary,
    peer,
  });
}

/** Returns the alias of a pod's primary, by which firewalls and monitors can tell whose interface it is. */
export const formatDeviceAlias = ({ namespace, name }: Pick<PodRecord, 'namespace' | 'name'>): string =>
  `${namespace}/${name}`;

/**
 * Returns the pod's netkit policies if Podlane's programs run on netkit hooks, and `forward` for both ends otherwise.
 */
export const chooseNetkitPolicy = (
  { netkit }: PodRecord['network'],
  { hooks }: Pick<DeviceRecord, 'hooks'>,
): PodRecord['network']['netkit']['policy'] =>
  hooks === 'netkit' ? netkit.policy : { primary: 'forward', peer: 'forward' };

/** Sets permanent neighbor entries: for the pod's addresses on the host, and for the gateways in the pod. */
export async function setPodNeighbors(
  kernel: KernelContext,
  namespace: PodNamespace,
  { network }: PodRecord,
  { slot, primaryMac, peerMac }: DeviceRecord,
  addresses: readonly string[],
): Promise<void> {
  if (!primaryMac || !peerMac) return;
  for (const address of addresses)
    await replaceNeighbor(kernel.host, {
      ifindex: slotToPrimaryIfindex(slot),
      address: stripPrefixLength(address),
      mac: peerMac,
    });
  for (const address of listPodGateways(network))
    await replaceNeighbor(namespace.socket, { ifindex: slotToPeerIfindex(slot), address, mac: primaryMac });
}

/**
 * Orders addresses, given with the preferred ones first, as they have to be added to an interface: the kernel prefers
 * the IPv4 address that was added first, and the IPv6 address that was added last.
 */
export const orderAddressesForAssignment = (addresses: readonly string[]): string[] => [
  ...addresses.filter((each) => !isIpv6Text(each)),
  ...addresses.filter(isIpv6Text).toReversed(),
];

/** Adds addresses to the peer so that the first of each family becomes its preferred source address. */
export async function addPeerAddresses(
  namespace: PodNamespace,
  { slot }: Pick<DeviceRecord, 'slot'>,
  addresses: readonly string[],
): Promise<void> {
  for (const address of orderAddressesForAssignment(addresses))
    await replaceAddress(namespace.socket, slotToPeerIfindex(slot), address);
}

async function isForeignDevice(
  { host }: KernelContext,
  slot: number,
  owner: Pick<PodRecord, 'namespace' | 'name'>,
): Promise<boolean> {
  const link = await getLink(host, { ifindex: slotToPrimaryIfindex(slot) });
  return link !== null && link.alias !== null && link.alias !== formatDeviceAlias(owner);
}

/**
 * Deletes the pair, then its pins. In the other order, netkit would drop the packets that are still in it, and veth
 * would not count them. Idempotent.
 * @param owner pod whose device it must be by its alias: one that others created meanwhile stays
 */
export async function deleteDevicePair(
  kernel: KernelContext,
  slot: number,
  owner?: Pick<PodRecord, 'namespace' | 'name'>,
): Promise<void> {
  if (owner !== undefined && (await isForeignDevice(kernel, slot, owner))) return;
  // Uses a socket of its own: the kernel answers long after it released RTNL, and requests of one socket are serialized.
  using host = NetlinkSocket.open();
  try {
    await deleteLink(host, slotToPrimaryIfindex(slot));
  } catch (error) {
    if (!isNetlinkError(error, 'ENODEV')) throw error;
  }
  await releaseSlotPrograms(kernel, slot);
}

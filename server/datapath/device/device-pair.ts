import { existsSync } from 'node:fs';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { isIpv6Text } from '../../../contract/cidr.ts';
import { ProblemError } from '../../../contract/problem.ts';
import { slotToPrimaryIfindex } from '../../bpf/datapath-structs.ts';
import { readSysctl, writeSysctl } from '../../kernel/sysctl.ts';
import { replaceAddress } from '../../netlink/address.ts';
import { deleteLink, getLink, setLink } from '../../netlink/link.ts';
import { replaceNeighbor } from '../../netlink/neighbor.ts';
import { buildAddNetkitRequest } from '../../netlink/netkit.ts';
import { isNetlinkError } from '../../netlink/netlink-error.ts';
import { type NetlinkRequest, NetlinkSocket } from '../../netlink/socket.ts';
import { buildAddVethRequest } from '../../netlink/veth.ts';
import type { DeviceRecord, PodRecord } from '../../store/records.ts';
import { getPeerIfindex, getPrimaryIfindex, type IndexedDevice, isForeignDevice } from '../device-indexes.ts';
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
/** Number of looks for carrier, and for the end of a device, without a pause: on an idle node one of them finds it. */
const carrierLooks = 8;
const deletionLooks = 30;

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
  const { kind } = device;
  const primaryIfindex = getPrimaryIfindex(device);
  const peerIfindex = getPeerIfindex(device);
  const primaryName = names.primary;
  const existing = await getLink(kernel.host, { ifindex: primaryIfindex });
  if (existing && existing.kind !== kind)
    throw new ProblemError(
      'kernel_refused',
      `create ${kind} ${primaryName}: ifindex ${existing.ifindex} is ${existing.name}, a ${existing.kind ?? 'physical'} device`,
      {
        hint: `Delete it if it is yours: ip link delete ${existing.name}`,
      },
    );
  if (!existing) await kernel.host.request(buildPairRequest(namespace, pod, device, names, ends));
  const six = hasIpv6Address(pod.network);
  for (const [path, value] of listPrimarySysctls(primaryName, six)) writeSysctl(path, value);
  for (const [path, value] of listPeerSysctls(names.peer, six, namespace.fd))
    writeSysctl(path, value, namespace.fd);
  // The kernel takes no alias at creation. An adopted pod has the alias, gateway and neighbors that its runtime gave it.
  const alias = pod.adoption === null ? { alias: formatDeviceAlias(pod) } : {};
  await setLink(kernel.host, primaryIfindex, { up: true, ...alias });
  await setLink(namespace.socket, peerIfindex, { up: true });
  if (six && pod.adoption === null)
    await replaceAddress(kernel.host, primaryIfindex, `${podGatewayAddresses.ipv6}/128`);
  await setPodNeighbors(kernel, namespace, pod, device, addresses);
  await waitForCarrier(kernel.host, primaryIfindex);
  await waitForCarrier(namespace.socket, peerIfindex);
}

/**
 * Waits until an end carries traffic. The end that goes up first has no carrier yet and gets the `noop` queue, which
 * drops all packets. The kernel replaces it in a worker (net/core/link_watch.c) that waits for RTNL: at once on an idle
 * node, later on a busy one.
 */
async function waitForCarrier(socket: NetlinkSocket, ifindex: number): Promise<void> {
  const deadline = performance.now() + carrierLimitMs;
  for (let looks = 1; ; looks++) {
    const link = await getLink(socket, { ifindex });
    if (link?.operationalState === 'up' && link.queueingDiscipline !== 'noop') return;
    if (!link || performance.now() > deadline)
      throw new ProblemError(
        'device_missing',
        `bring up ifindex ${ifindex}: ${link ? `${link.name} is ${link.operationalState}, queue ${link.queueingDiscipline}, after ${carrierLimitMs} ms` : 'it is gone'}`,
        { hint: 'See `ip link`; another program may have taken the device down.' },
      );
    await (looks < carrierLooks ? nextTurn() : sleep(1));
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

/** Lists the sysctls of a device's primary. */
export const listPrimarySysctls = (name: string, podHasIpv6: boolean): [path: string, value: string][] => [
  ...listPeerSysctls(name, podHasIpv6),
  ...listHostEndSysctls(name, isKernelIpv6Enabled()),
];

/** Lists the sysctls of the peer, in the pod's namespace: those that both ends of a device have. */
export const listPeerSysctls = (
  name: string,
  podHasIpv6: boolean,
  namespaceFd?: number,
): [path: string, value: string][] =>
  listDeviceSysctls(name, readSysctl(reversePathSysctl('all'), namespaceFd), {
    kernel: isKernelIpv6Enabled(),
    pod: podHasIpv6,
  });

/** Builds the request that creates a device pair with its peer in the pod's namespace. */
export function buildPairRequest(
  namespace: Pick<PodNamespace, 'fd'>,
  pod: PodRecord,
  device: DeviceRecord,
  names: NewDevicePairOptions['names'],
  ends?: NewDevicePairOptions['ends'],
): NetlinkRequest {
  const { primaryMac, peerMac } = device;
  const { network } = pod;
  const { netkit } = network;
  const { primary: primaryEnd, peer: peerEnd } = ends ?? {
    primary: { mtu: network.mtu },
    peer: { mtu: network.mtu },
  };
  const macs = primaryMac && peerMac ? ([{ mac: primaryMac }, { mac: peerMac }] as const) : [{}, {}];
  const primary = {
    name: names.primary,
    ifindex: getPrimaryIfindex(device),
    ...primaryEnd,
    ...macs[0],
  };
  const peer = {
    name: names.peer,
    ifindex: getPeerIfindex(device),
    ...peerEnd,
    netnsFd: namespace.fd,
    ...macs[1],
  };
  if (device.kind === 'veth') return buildAddVethRequest({ primary, peer });
  return buildAddNetkitRequest({
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

/**
 * Sets permanent neighbor entries: for the pod's addresses on the host, and for the gateways in the pod. None for an
 * adopted pod, whose neighbors are learned.
 */
export async function setPodNeighbors(
  kernel: KernelContext,
  namespace: PodNamespace,
  { network, adoption }: PodRecord,
  device: DeviceRecord,
  addresses: readonly string[],
): Promise<void> {
  const { primaryMac, peerMac } = device;
  if (!primaryMac || !peerMac || adoption !== null) return;
  for (const address of addresses)
    await replaceNeighbor(kernel.host, {
      ifindex: getPrimaryIfindex(device),
      address: stripPrefixLength(address),
      mac: peerMac,
    });
  for (const address of listPodGateways(network))
    await replaceNeighbor(namespace.socket, { ifindex: getPeerIfindex(device), address, mac: primaryMac });
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
  device: IndexedDevice,
  addresses: readonly string[],
): Promise<void> {
  for (const address of orderAddressesForAssignment(addresses))
    await replaceAddress(namespace.socket, getPeerIfindex(device), address);
}

async function isOfAnotherPod(
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
  if (owner !== undefined && (await isOfAnotherPod(kernel, slot, owner))) return;
  await deletePrimary(slotToPrimaryIfindex(slot));
  await releaseSlotPrograms(kernel, slot);
}

/** Deletes a device, whoever made it, then its pins. Idempotent. */
export async function deleteDevice(kernel: KernelContext, device: IndexedDevice): Promise<void> {
  await deletePrimary(getPrimaryIfindex(device));
  await releaseSlotPrograms(kernel, device.slot);
}

/** Deletes a device of a pod that leaves. One that others made is theirs: its programs alone are detached. Idempotent. */
export const deleteUnlessForeign = (kernel: KernelContext, device: IndexedDevice): Promise<void> =>
  isForeignDevice(device) ? releaseSlotPrograms(kernel, device.slot) : deleteDevice(kernel, device);

async function deletePrimary(ifindex: number): Promise<void> {
  // Uses a socket of its own: the kernel answers long after it released RTNL, and requests of one socket are serialized.
  using host = NetlinkSocket.open();
  try {
    await deleteLink(host, ifindex);
  } catch (error) {
    if (!isNetlinkError(error, 'ENODEV')) throw error;
  }
}

/**
 * Begins to delete the pair and waits until neither end is listed any more. What the kernel still does then, it does for
 * itself: it waits for RCU grace periods, 20 to 60 ms. Idempotent.
 * @returns a promise of the end of that, after which the slot can be used again
 */
export async function startDeletingPair(
  kernel: KernelContext,
  slot: number,
): Promise<{ ended: Promise<void> }> {
  let answered = false;
  const ended = deleteDevicePair(kernel, slot).finally(() => {
    answered = true;
  });
  const ifindex = slotToPrimaryIfindex(slot);
  for (let looks = 1; !answered && kernel.interfaces.hasIndex(ifindex); looks++)
    await (looks < deletionLooks ? nextTurn() : sleep(1));
  if (answered) await ended;
  // Its failure is that of whoever waits for it.
  ended.catch(() => undefined);
  kernel.programs.unpin(slot);
  kernel.programs.clearSlot(slot);
  return { ended };
}

import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { isIpv6 } from '../../../contract/cidr.ts';
import { ProblemError } from '../../../contract/problem.ts';
import { peerIfindex, primaryIfindex } from '../../bpf/slot-layout.ts';
import { writeSysctl } from '../../kernel/procfs.ts';
import { replaceAddress } from '../../netlink/address.ts';
import { isNetlinkError } from '../../netlink/error.ts';
import { deleteLink, getLink, setLink } from '../../netlink/link.ts';
import { replaceNeighbor } from '../../netlink/neighbor.ts';
import { addNetkit } from '../../netlink/netkit.ts';
import { NetlinkSocket } from '../../netlink/socket.ts';
import { addVeth } from '../../netlink/veth.ts';
import type { DeviceRecord, PodRecord } from '../../store/records.ts';
import type { KernelContext } from '../kernel-context.ts';
import type { PodNamespace } from '../pod-namespaces.ts';
import { gateways, hasIpv6, podGateways, stripPrefixLength } from './next-hops.ts';
import { releaseSlotPrograms } from './our-programs.ts';

/** How long the kernel may take to notice that both ends are up. */
const carrierLimitMs = 5000;

/**
 * Makes the pair, both ends up, neighbours permanent where it has MACs (left to ARP, 0.2 % of packets are lost in a
 * migration). A pair that is there already is completed, one of another kind is an error.
 * @param addresses CIDRs that the pod has on it
 */
export async function createDevice(
  kernel: KernelContext,
  namespace: PodNamespace,
  pod: PodRecord,
  device: DeviceRecord,
  peerName: string,
  addresses: readonly string[],
): Promise<void> {
  const { slot, kind, primaryName } = device;
  const there = await getLink(kernel.host, { ifindex: primaryIfindex(slot) });
  if (there && there.kind !== kind)
    throw new ProblemError(
      'kernel_refused',
      `make ${kind} ${primaryName}: ifindex ${there.ifindex} is ${there.name}, a ${there.kind ?? 'physical'} device`,
      {
        hint: `Delete it if it is yours: ip link delete ${there.name}`,
      },
    );
  if (!there) await addPair(kernel, namespace, pod, device, peerName);
  setSysctls(primaryName, hasIpv6(pod.network));
  setSysctls(peerName, hasIpv6(pod.network), namespace.fd);
  await setLink(kernel.host, primaryIfindex(slot), { up: true });
  await setLink(namespace.socket, peerIfindex(slot), { up: true });
  if (hasIpv6(pod.network)) await replaceAddress(kernel.host, primaryIfindex(slot), `${gateways.ipv6}/128`);
  await setNeighbours(kernel, namespace, pod, device, addresses);
  await untilCarrying(kernel.host, primaryIfindex(slot));
  await untilCarrying(namespace.socket, peerIfindex(slot));
}

/**
 * The end that goes up first has no carrier then and gets the `noop` queue, which drops all. The kernel replaces it
 * in a worker (net/context/link_watch.c) that waits for RTNL: usually done at once, but not on a busy node.
 */
async function untilCarrying(socket: NetlinkSocket, ifindex: number): Promise<void> {
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
 * Sysctls of an end, before it goes up. With two devices of one address, a strict reverse path check drops what
 * arrives on the one not routed to. No link-local addresses, duplicate detection or autoconfiguration: a pod has
 * the addresses it was given, and solicitations would be counted, and dropped, as somebody's loss.
 */
export const deviceSysctls = (
  name: string,
  ipv6: { kernel: boolean; pod: boolean },
): [path: string, value: string][] => [
  [`net/ipv4/conf/${name}/rp_filter`, '0'],
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

export const kernelHasIpv6 = (): boolean => existsSync('/proc/sys/net/ipv6');

function setSysctls(name: string, podHasIpv6: boolean, namespaceFd?: number): void {
  for (const [path, value] of deviceSysctls(name, { kernel: kernelHasIpv6(), pod: podHasIpv6 }))
    writeSysctl(path, value, namespaceFd);
}

function addPair(
  kernel: KernelContext,
  namespace: PodNamespace,
  { network }: PodRecord,
  device: DeviceRecord,
  peerName: string,
): Promise<void> {
  const { slot, primaryMac, peerMac, primaryName } = device;
  const { mtu, netkit } = network;
  const macs = primaryMac && peerMac ? ([{ mac: primaryMac }, { mac: peerMac }] as const) : [{}, {}];
  const primary = { name: primaryName, ifindex: primaryIfindex(slot), mtu, ...macs[0] };
  const peer = { name: peerName, ifindex: peerIfindex(slot), mtu, netnsFd: namespace.fd, ...macs[1] };
  if (device.kind === 'veth') return addVeth(kernel.host, { primary, peer });
  return addNetkit(kernel.host, {
    mode: netkit.mode,
    policy: devicePolicy(network, device),
    // Kernels without the attribute do as `default` says.
    ...(Object.values(netkit.scrub).includes('none') ? { scrub: netkit.scrub } : {}),
    primary,
    peer,
  });
}

/** With no program on its own hooks, a peer that is a black hole would be cut off. */
export const devicePolicy = (
  { netkit }: PodRecord['network'],
  { hooks }: Pick<DeviceRecord, 'hooks'>,
): PodRecord['network']['netkit']['policy'] =>
  hooks === 'netkit' ? netkit.policy : { primary: 'forward', peer: 'forward' };

/** Permanent neighbours both ways: who the pod's addresses are for the host, and the gateways for the pod. */
export async function setNeighbours(
  kernel: KernelContext,
  namespace: PodNamespace,
  { network }: PodRecord,
  { slot, primaryMac, peerMac }: DeviceRecord,
  addresses: readonly string[],
): Promise<void> {
  if (!primaryMac || !peerMac) return;
  for (const address of addresses)
    await replaceNeighbor(kernel.host, {
      ifindex: primaryIfindex(slot),
      address: stripPrefixLength(address),
      mac: peerMac,
    });
  for (const address of podGateways(network))
    await replaceNeighbor(namespace.socket, { ifindex: peerIfindex(slot), address, mac: primaryMac });
}

/**
 * Addresses, the preferred ones first, in the order in which an interface is given them: the kernel prefers the IPv4
 * address that was added first, and the IPv6 address that was added last.
 */
export const assignmentOrder = (addresses: readonly string[]): string[] => [
  ...addresses.filter((each) => !isIpv6(each)),
  ...addresses.filter(isIpv6).toReversed(),
];

/** Gives the peer these addresses, in their order: the first of a family is its preferred source. */
export async function addAddresses(
  namespace: PodNamespace,
  { slot }: Pick<DeviceRecord, 'slot'>,
  addresses: readonly string[],
): Promise<void> {
  for (const address of assignmentOrder(addresses))
    await replaceAddress(namespace.socket, peerIfindex(slot), address);
}

/**
 * Deletes the pair, then its pins: in the other order a netkit would be a black hole, and a veth uncounted,
 * for the packets still on it. A pair that is gone is as well.
 */
export async function removeDevice(kernel: KernelContext, slot: number): Promise<void> {
  // On a socket of its own: the kernel answers long after RTNL is free again, and requests of one socket are in a row.
  using host = NetlinkSocket.open();
  try {
    await deleteLink(host, primaryIfindex(slot));
  } catch (error) {
    if (!isNetlinkError(error, 'ENODEV')) throw error;
  }
  await releaseSlotPrograms(kernel, slot);
}

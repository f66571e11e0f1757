import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { DeviceKind } from '../../contract/device.ts';
import { ProblemError } from '../../contract/problem.ts';
import { peerIfindex, primaryIfindex } from '../bpf/layout.ts';
import { writeSysctl } from '../kernel/procfs.ts';
import { refusedWith } from '../netlink/error.ts';
import { deleteLink, getLink, setLink } from '../netlink/link.ts';
import { replaceNeighbour } from '../netlink/neighbour.ts';
import { addNetkit } from '../netlink/netkit.ts';
import type { RtnetlinkSocket } from '../netlink/socket.ts';
import { addVeth } from '../netlink/veth.ts';
import type { PodRecord } from './books.ts';
import { type Ground, podGateway } from './ground.ts';
import { hooksOf } from './hooks.ts';
import type { PodNamespace } from './pod-namespace.ts';
import { peerMac, primaryMac, primaryName } from './slots.ts';

/** How long the kernel may take to notice that both ends are up. */
const carrierLimitMs = 5000;

/** A device to be made for a pod, its peer called `peerName` in the pod. */
export interface Wanted {
  kind: DeviceKind;
  slot: number;
  peerName: string;
  mtu: number;
}

/**
 * Makes the pair, both ends up, neighbours permanent on a veth (left to ARP, 0.2 % of packets are lost in a
 * migration). A pair that is there already is completed, one of another kind is an error.
 */
export async function makeDevice(
  ground: Ground,
  pod: PodNamespace,
  wanted: Wanted,
  addresses: string[],
): Promise<void> {
  const { slot, kind } = wanted;
  const there = await getLink(ground.host, { ifindex: primaryIfindex(slot) });
  if (there && there.kind !== kind)
    throw new ProblemError(
      'kernel_refused',
      `make ${kind} ${primaryName(slot)}: ifindex ${there.ifindex} is ${there.name}, a ${there.kind ?? 'physical'} device`,
      {
        hint: `Delete it if it is yours: ip link delete ${there.name}`,
      },
    );
  if (!there) {
    ground.programs.counters.clear(slot);
    await addPair(ground, pod, wanted);
  }
  relaxReversePath(pod, wanted);
  silenceIpv6(pod, wanted);
  await setLink(ground.host, primaryIfindex(slot), { up: true });
  await setLink(pod.socket, peerIfindex(slot), { up: true });
  if (kind === 'veth') await fixNeighbours(ground, pod, slot, addresses);
  await untilCarrying(ground.host, primaryIfindex(slot));
  await untilCarrying(pod.socket, peerIfindex(slot));
}

/**
 * The end that goes up first has no carrier then and gets the `noop` queue, which drops all. The kernel replaces it
 * in a worker (net/core/link_watch.c) that waits for RTNL: usually done at once, but not on a busy node.
 */
async function untilCarrying(socket: RtnetlinkSocket, ifindex: number): Promise<void> {
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
 * No link-local addresses: a pod has those it was given, and solicitations of others would be dropped, and
 * counted, as somebody's loss. Before the ends go up.
 */
function silenceIpv6(pod: PodNamespace, { slot, peerName }: Wanted): void {
  if (!existsSync('/proc/sys/net/ipv6')) return;
  writeSysctl(`net/ipv6/conf/${primaryName(slot)}/addr_gen_mode`, '1');
  writeSysctl(`net/ipv6/conf/${peerName}/addr_gen_mode`, '1', pod.fd);
}

function addPair(ground: Ground, pod: PodNamespace, { kind, slot, peerName, mtu }: Wanted): Promise<void> {
  const primary = { name: primaryName(slot), ifindex: primaryIfindex(slot), mtu };
  const peer = { name: peerName, ifindex: peerIfindex(slot), mtu, netnsFd: pod.fd };
  return kind === 'veth'
    ? addVeth(ground.host, {
        primary: { ...primary, mac: primaryMac(slot) },
        peer: { ...peer, mac: peerMac(slot) },
      })
    : addNetkit(ground.host, {
        mode: 'l3',
        policy: { primary: 'forward', peer: 'blackhole' },
        primary,
        peer,
      });
}

/** With two devices of one address, a strict reverse path check drops what arrives on the one not routed to. */
function relaxReversePath(pod: PodNamespace, { slot, peerName }: Wanted): void {
  writeSysctl(`net/ipv4/conf/${primaryName(slot)}/rp_filter`, '0');
  writeSysctl(`net/ipv4/conf/${peerName}/rp_filter`, '0', pod.fd);
}

async function fixNeighbours(
  ground: Ground,
  pod: PodNamespace,
  slot: number,
  addresses: string[],
): Promise<void> {
  for (const address of addresses)
    await replaceNeighbour(ground.host, {
      ifindex: primaryIfindex(slot),
      address: bare(address),
      mac: peerMac(slot),
    });
  await replaceNeighbour(pod.socket, {
    ifindex: peerIfindex(slot),
    address: podGateway,
    mac: primaryMac(slot),
  });
}

/** Puts our programs on the device's hooks. What may leave is set before a packet can. */
export async function attachPrograms(
  ground: Ground,
  kind: DeviceKind,
  slot: number,
  pod: Pick<PodRecord, 'address'>,
): Promise<void> {
  ground.programs.setSlot(slot, { address4: bare(pod.address) });
  await ground.programs.attach(hooksOf[kind].in, slot);
  await ground.programs.attach(hooksOf[kind].out, slot);
}

/**
 * Deletes the pair, then its pins: in the other order a netkit would be a black hole, and a veth uncounted,
 * for the packets still on it. A pair that is gone is as well.
 */
export async function removeDevice(ground: Ground, slot: number): Promise<void> {
  try {
    await deleteLink(ground.host, primaryIfindex(slot));
  } catch (error) {
    if (!refusedWith(error, 'ENODEV')) throw error;
  }
  await ground.programs.detach(slot);
  ground.programs.clearSlot(slot);
}

/** `10.42.0.33/32` without its length. */
export const bare = (cidr: string): string => cidr.split('/')[0]!;

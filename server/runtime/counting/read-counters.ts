import type { ObservedCounters } from '../../bpf/observe-program.ts';
import type { NetworkLink } from '../../netlink/link-message.ts';
import {
  type InterfaceStatistics,
  type RemoteInterface,
  readInterfaceStatistics,
  readRemoteLinks,
} from '../../netlink/link-statistics.ts';
import type { NetlinkSocket } from '../../netlink/socket.ts';
import type { ObservedInterface, ObservedPod } from '../observed-pod.ts';

/** Maximum number of interfaces in other namespaces that are read for one sample; more of them take turns. */
const maxRemote = 512;
/** Bytes of an Ethernet header, which the kernel's statistics include and the counters do not. */
const headerBytes = 14;

/** Reads the counters of interfaces that no program counts, by the kernel's statistics. */
export class StatisticsReader {
  readonly #host: NetlinkSocket;
  #next = 0;

  constructor(host: NetlinkSocket) {
    this.#host = host;
  }

  /** Reads the statistics of the interfaces of pods that are counted by them. */
  async read(pods: Iterable<ObservedPod>): Promise<void> {
    const atHost: { ifindex: number; to: ObservedInterface }[] = [];
    const remote: { at: RemoteInterface; to: ObservedInterface }[] = [];
    for (const { namespaceId, interfaces } of pods)
      for (const each of interfaces) {
        if (each.counting.by !== 'statistics') continue;
        if (each.hostEnd !== null && each.counting.at === 'host')
          atHost.push({ ifindex: each.hostEnd.ifindex, to: each });
        else if (namespaceId !== null) remote.push({ at: { namespaceId, ifindex: each.ifindex }, to: each });
      }
    if (atHost.length > 0) {
      const found = await readInterfaceStatistics(this.#host);
      for (const { ifindex, to } of atHost) {
        const statistics = found.get(ifindex);
        if (statistics) to.counters = countersOfHostEnd(statistics);
      }
    }
    const turn = this.#takeTurn(remote);
    if (turn.length === 0) return;
    const links = await readRemoteLinks(
      this.#host,
      turn.map(({ at }) => at),
    );
    for (const [index, { to }] of turn.entries()) {
      const counters = countersOfPodEnd(links[index] ?? null);
      if (counters) to.counters = counters;
    }
  }

  #takeTurn<T>(all: readonly T[]): T[] {
    if (all.length <= maxRemote) return [...all];
    const from = this.#next % all.length;
    this.#next = from + maxRemote;
    return [...all.slice(from), ...all.slice(0, from)].slice(0, maxRemote);
  }
}

/** What the host end receives is what the pod sends. */
const countersOfHostEnd = (statistics: InterfaceStatistics): ObservedCounters => ({
  egressPackets: BigInt(statistics.receivedPackets),
  egressBytes: withoutHeaders(statistics.receivedBytes, statistics.receivedPackets),
  ingressPackets: BigInt(statistics.sentPackets),
  ingressBytes: withoutHeaders(statistics.sentBytes, statistics.sentPackets),
});

/** Returns the counters of an interface in the pod; null if they were not read. */
export function countersOfPodEnd(link: Pick<NetworkLink, 'stats'> | null): ObservedCounters | null {
  if (!link?.stats) return null;
  const { receive, transmit } = link.stats;
  return {
    egressPackets: BigInt(transmit.packets),
    egressBytes: withoutHeaders(transmit.bytes, transmit.packets),
    ingressPackets: BigInt(receive.packets),
    ingressBytes: withoutHeaders(receive.bytes, receive.packets),
  };
}

const withoutHeaders = (bytes: number, packets: number): bigint =>
  BigInt(Math.max(0, bytes - headerBytes * packets));

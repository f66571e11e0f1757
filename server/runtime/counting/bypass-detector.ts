import type { ObservedCounters, ObservePrograms } from '../../bpf/observe-program.ts';
import { readInterfaceStatistics, readRemoteLinks } from '../../netlink/link-statistics.ts';
import type { NetlinkSocket } from '../../netlink/socket.ts';
import type { HostEnd, ObservedInterface, ObservedPod } from '../observed-pod.ts';
import { countersOfPodEnd } from './read-counters.ts';

/** Maximum number of interfaces that are compared at a time; more of them take turns. */
const maxCompared = 256;
/** Packets that a pod must have received before it is judged whether its host end saw them. */
const fewestPackets = 16;

/** An interface with a host end that counts, or whose statistics are read. */
interface Compared {
  pod: ObservedPod;
  each: ObservedInterface;
  hostEnd: HostEnd;
  namespaceId: number;
}

/** What was received by a pod's end, and what was counted at its host end before that was read. */
interface Base {
  received: number;
  counted: number;
}

/** An interface whose packets reach the pod past its host end. */
export interface BypassedInterface {
  pod: ObservedPod;
  each: ObservedInterface;
  /** What its own statistics say now. */
  counters: ObservedCounters;
}

/**
 * Finds interfaces that receive more than crosses their host end: programs of others hand packets to the pod's end directly
 * (`bpf_redirect_peer`), where only its own statistics count them.
 */
export class BypassDetector {
  readonly #host: NetlinkSocket;
  readonly #programs: ObservePrograms | null;
  readonly #bases = new Map<string, Base>();
  #next = 0;

  constructor(host: NetlinkSocket, programs: ObservePrograms | null) {
    this.#host = host;
    this.#programs = programs;
  }

  /** Compares what has come since the last time. */
  async find(pods: readonly ObservedPod[]): Promise<BypassedInterface[]> {
    const all = pods.flatMap(listCompared);
    const keys = new Set(all.map(keyOf));
    for (const key of this.#bases.keys()) if (!keys.has(key)) this.#bases.delete(key);
    const compared = this.#takeTurn(all);
    if (compared.length === 0) return [];
    const before = await this.#readCounted(compared);
    const links = await readRemoteLinks(
      this.#host,
      compared.map(({ namespaceId, each }) => ({ namespaceId, ifindex: each.ifindex })),
    );
    // Read after the pods' ends: what they have received is among what could be counted.
    const after = await this.#readCounted(compared);
    return compared.flatMap((each, index) => {
      const counters = countersOfPodEnd(links[index] ?? null);
      const { ifindex } = each.hostEnd;
      const [least, most] = [before.get(ifindex), after.get(ifindex)];
      if (counters === null || least === undefined || most === undefined) return [];
      const received = Number(counters.ingressPackets);
      const base = this.#bases.get(keyOf(each));
      this.#bases.set(keyOf(each), { received, counted: least });
      if (base === undefined || received - base.received < fewestPackets) return [];
      const bypassed = most - base.counted < (received - base.received) / 2;
      return bypassed ? [{ pod: each.pod, each: each.each, counters }] : [];
    });
  }

  /** Reads how many packets towards the pods were counted at host ends, by ifindex. */
  async #readCounted(compared: readonly Compared[]): Promise<Map<number, number>> {
    const counted = new Map<number, number>();
    if (compared.some(({ each }) => each.counting.by === 'statistics'))
      for (const [ifindex, { sentPackets }] of await readInterfaceStatistics(this.#host))
        counted.set(ifindex, sentPackets);
    for (const [ifindex, { ingressPackets }] of this.#programs?.read() ?? [])
      counted.set(ifindex, Number(ingressPackets));
    return counted;
  }

  #takeTurn(all: readonly Compared[]): Compared[] {
    if (all.length <= maxCompared) return [...all];
    const from = this.#next % all.length;
    this.#next = from + maxCompared;
    return [...all.slice(from), ...all.slice(0, from)].slice(0, maxCompared);
  }
}

/** Lists the interfaces of a pod that are counted at their host end. */
const listCompared = (pod: ObservedPod): Compared[] =>
  pod.interfaces.flatMap((each) =>
    each.hostEnd !== null && pod.namespaceId !== null && each.counting.at === 'host'
      ? [{ pod, each, hostEnd: each.hostEnd, namespaceId: pod.namespaceId }]
      : [],
  );

const keyOf = ({ pod, each, hostEnd }: Compared): string =>
  `${pod.number} ${each.ifindex} ${hostEnd.ifindex}`;

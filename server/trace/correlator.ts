import type { DropReason } from '../../contract/counters.ts';
import type { Hook } from '../../contract/device.ts';
import type { DecodedHeaders } from './packet-headers.ts';

/** One place that a packet was seen at: a run of one of our programs, or the kernel freeing it. */
export interface Observation {
  /** CLOCK_MONOTONIC. */
  timeNs: bigint;
  where: 'from-pod' | 'to-pod' | 'kernel';
  /** Of our device; of `kernel`, null when it was at none. */
  slot: number | null;
  /** Number of the slot's pod; of `kernel`, the inode of the network namespace. */
  owner: number;
  hook: Hook | null;
  verdict: 'passed' | 'redirected' | 'dropped';
  /** Of a drop; the kernel's by its number. */
  reason: DropReason | number | null;
  rule: number;
  /** Slot that it was redirected to. */
  target: number | null;
  headers: DecodedHeaders;
}

/** A packet, by where it was seen, in order of time. */
export interface TracedPacket {
  number: number;
  observations: Observation[];
}

/**
 * What stays the same of a packet from hook to hook. Of UDP without an identification (IPv4 that must not be
 * fragmented, IPv6) equal packets of a flow have the same: those are told apart by their order.
 */
export function packetKey(headers: DecodedHeaders): string {
  const { family, source, destination, protocol, sourcePort, destinationPort } = headers;
  const { identification, fragmentOffset, tcp, icmp, length } = headers;
  return [
    ...[family, source, destination, protocol, sourcePort, destinationPort, identification, fragmentOffset],
    ...(tcp ? [tcp.sequence, tcp.acknowledgement, tcp.flags] : []),
    ...(icmp ? [icmp.type, icmp.code, icmp.identifier, icmp.sequence] : []),
    length,
  ].join(' ');
}

/** Whether a packet that was last seen at `last` may come to `next`. Routers count the time to live down. */
function canFollow(last: Observation, next: Observation): boolean {
  if (last.where === 'kernel' || next.headers.ttl > last.headers.ttl) return false;
  // The kernel tells of every packet that a program drops, too.
  if (last.verdict === 'dropped') return next.where === 'kernel';
  if (next.where === 'kernel') return true;
  // While programs move between hooks of a device, both are there.
  if (next.where === last.where) return next.slot === last.slot && next.hook !== last.hook;
  if (next.where === 'from-pod') return false;
  return last.verdict !== 'redirected' || next.slot === last.target;
}

/** Puts sightings of the same packet together. They must come in order of time. */
export class Correlator {
  readonly #quietNs: bigint;
  /** Packets that may yet be seen again, by key, the oldest first. */
  readonly #open = new Map<string, TracedPacket[]>();
  #limit: number;
  #count = 0;

  /** @param limit of packets that are followed @param quietMs how long nothing is seen before a packet has gone */
  constructor(limit: number, quietMs: number) {
    this.#limit = limit;
    this.#quietNs = BigInt(quietMs) * 1_000_000n;
  }

  /** Whether there are as many packets as are followed. */
  get full(): boolean {
    return this.#count >= this.#limit;
  }

  /** Whether no packet is waited for. */
  get done(): boolean {
    return this.#open.size === 0;
  }

  /** Begins no more packets. */
  acceptNoMore(): void {
    this.#limit = this.#count;
  }

  /** @returns the packet, with the sighting; null: it is beyond the limit, or was told of before */
  add(sighting: Observation): TracedPacket | null {
    const key = packetKey(sighting.headers);
    const open = this.#open.get(key) ?? [];
    const known = open.find(({ observations: sightings }) => canFollow(sightings.at(-1)!, sighting));
    if (known) {
      if (known.observations.at(-1)!.verdict === 'dropped') return null;
      known.observations.push(sighting);
      return known;
    }
    if (this.full) return null;
    this.#count += 1;
    const packet = { number: this.#count, sightings: [sighting] };
    this.#open.set(key, [...open, packet]);
    return packet;
  }

  /** Packets of which nothing was seen for long enough: they are not waited for any more. */
  settle(nowNs: bigint): TracedPacket[] {
    const settled: TracedPacket[] = [];
    for (const [key, packets] of this.#open) {
      const waiting = packets.filter(
        ({ observations: sightings }) => sightings.at(-1)!.timeNs + this.#quietNs > nowNs,
      );
      if (waiting.length === packets.length) continue;
      settled.push(...packets.filter((packet) => !waiting.includes(packet)));
      if (waiting.length > 0) this.#open.set(key, waiting);
      else this.#open.delete(key);
    }
    return settled;
  }
}

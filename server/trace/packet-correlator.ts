import type { DropReason } from '../../contract/counter-table.ts';
import type { Hook } from '../../contract/device.ts';
import { requireValue } from '../../contract/require-value.ts';
import type { DecodedPacketHeaders } from './packet-headers.ts';

/** An observation of a packet: one of Podlane's programs processed it, or the kernel dropped it. */
export interface PacketObservation {
  /** Time of the observation, as CLOCK_MONOTONIC in ns. */
  timeNs: bigint;
  where: 'from-pod' | 'to-pod' | 'kernel';
  /** Slot of the device; null for a kernel drop at a device that is not a pod's. */
  slot: number | null;
  /** Number of the pod of the slot; for a kernel drop, the inode number of the network namespace. */
  owner: number;
  hook: Hook | null;
  verdict: 'passed' | 'redirected' | 'dropped';
  /** Drop reason; for a kernel drop, a value of enum skb_drop_reason. */
  reason: DropReason | number | null;
  rule: number;
  /** Slot of the device to which the packet was redirected. */
  target: number | null;
  headers: DecodedPacketHeaders;
}

/** A packet with its observations in order of time. */
export interface TracedPacket {
  number: number;
  observations: PacketObservation[];
}

/**
 * Returns a key of the header fields that do not change from hook to hook. Equal UDP packets of a flow without an
 * identification (IPv6, or IPv4 with DF) share a key; their order tells them apart.
 */
export function formatPacketKey(headers: DecodedPacketHeaders): string {
  const { family, source, destination, protocol, sourcePort, destinationPort } = headers;
  const { identification, fragmentOffset, tcp, icmp, length } = headers;
  return [
    ...[family, source, destination, protocol, sourcePort, destinationPort, identification, fragmentOffset],
    ...(tcp ? [tcp.sequence, tcp.acknowledgement, tcp.flags] : []),
    ...(icmp ? [icmp.type, icmp.code, icmp.identifier, icmp.sequence] : []),
    length,
  ].join(' ');
}

/** Returns true if observation `next` can follow `last` for the same packet, whose time to live never increases. */
function canFollow(last: PacketObservation, next: PacketObservation): boolean {
  if (last.where === 'kernel' || next.headers.ttl > last.headers.ttl) return false;
  // The kernel also reports every packet that a program drops.
  if (last.verdict === 'dropped') return next.where === 'kernel';
  if (next.where === 'kernel') return true;
  // While programs move between the hooks of a device, both run.
  if (next.where === last.where) return next.slot === last.slot && next.hook !== last.hook;
  if (next.where === 'from-pod') return false;
  return last.verdict !== 'redirected' || next.slot === last.target;
}

/** Groups observations by packet. Observations must be added in order of time. */
export class PacketCorrelator {
  readonly #quietNs: bigint;
  /** Packets that may be observed again, by packet key, oldest first. */
  readonly #open = new Map<string, TracedPacket[]>();
  #limit: number;
  #count = 0;

  /**
   * Creates a correlator.
   * @param limit maximum number of packets
   * @param quietMs time in ms without an observation after which a packet is complete
   */
  constructor(limit: number, quietMs: number) {
    this.#limit = limit;
    this.#quietNs = BigInt(quietMs) * 1_000_000n;
  }

  /** True if the correlator has reached its limit of packets. */
  get full(): boolean {
    return this.#count >= this.#limit;
  }

  /** True if the correlator has no packets that may be observed again. */
  get done(): boolean {
    return this.#open.size === 0;
  }

  /** Lowers the packet limit to the number of packets traced so far. */
  acceptNoMore(): void {
    this.#limit = this.#count;
  }

  /**
   * Adds an observation to its packet.
   * @returns the packet; null if it exceeds the limit, or the drop is already known
   */
  add(observation: PacketObservation): TracedPacket | null {
    const key = formatPacketKey(observation.headers);
    const open = this.#open.get(key) ?? [];
    const known = open.find(({ observations }) => canFollow(lastOf(observations), observation));
    if (known) {
      if (lastOf(known.observations).verdict === 'dropped') return null;
      known.observations.push(observation);
      return known;
    }
    if (this.full) return null;
    this.#count += 1;
    const packet = { number: this.#count, observations: [observation] };
    this.#open.set(key, [...open, packet]);
    return packet;
  }

  /** Returns the packets that were not observed for `quietMs`, which are complete and no longer tracked. */
  settle(nowNs: bigint): TracedPacket[] {
    const settled: TracedPacket[] = [];
    for (const [key, packets] of this.#open) {
      const waiting = packets.filter(
        ({ observations }) => lastOf(observations).timeNs + this.#quietNs > nowNs,
      );
      if (waiting.length === packets.length) continue;
      settled.push(...packets.filter((packet) => !waiting.includes(packet)));
      if (waiting.length > 0) this.#open.set(key, waiting);
      else this.#open.delete(key);
    }
    return settled;
  }
}

/** Returns the latest observation of a packet, which has at least one. */
const lastOf = <T>(observations: readonly T[]): T => requireValue(observations.at(-1), 'last observation');

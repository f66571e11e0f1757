import { type DropReason, dropReasons } from '../../contract/counter-table.ts';
import { type Direction, packetDirections } from '../../contract/direction.ts';
import type { RuleSetName } from '../../contract/rules.ts';
import { decodeMappedIpAddress, encodeMappedIpAddress } from './rule-layout.ts';

// Events that the programs send of packets, and the filters of traced packets, as bpf/rule-layout.h defines them.

/** Packet header fields that access rules are evaluated against. */
export interface PacketTuple {
  /** IP protocol number; for IPv6, the last next header. */
  protocol: number;
  source: string;
  destination: string;
  /** Source port of the packet; 0 for protocols without ports. */
  sourcePort: number;
  destinationPort: number;
  icmp: { type: number; code: number } | null;
  /** Flags of the TCP header (FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128); 0 for other protocols. */
  tcpFlags: number;
}

/** Kinds of verdict events, in the order of enum podlane_verdict_kind. */
const verdictKinds = ['dropped', 'logged', 'staged-deny', 'staged-allow'] as const;

/** Event of a packet that was dropped or logged, or that the staged rule set would treat differently. */
export interface VerdictEvent extends PacketTuple {
  /** Time of the event in ns of CLOCK_MONOTONIC. */
  timeNs: bigint;
  slot: number;
  /** Number of the pod whose rules were evaluated. */
  owner: number;
  direction: Direction;
  /** Kind of the event; `staged-deny` is an allowed packet that the staged rules deny, `staged-allow` the reverse. */
  kind: (typeof verdictKinds)[number];
  /** Reason of the drop; null if the packet was not dropped. */
  reason: DropReason | null;
  /** Rule set that the rule number refers to. */
  set: RuleSetName;
  /** Generation of the rule set, as returned when its tables were loaded. */
  generation: number;
  /** Number of the rule that decided or logged; 0 for the default action of the direction. */
  rule: number;
  /** Length of the packet in bytes from the network header on. */
  length: number;
  /** Type of the frame, or of its VLAN tag; the other header fields are only of IPv4 and IPv6. */
  ethertype: number;
  /**
   * Other end that the rules saw where the host translates it: behind a service, or before masquerading (port 0). Null
   * where it is the tuple's.
   */
  realPeer: { address: string; port: number } | null;
}

/**
 * Decodes struct podlane_verdict_event: time 0, slot 8, owner 12, direction 16, kind 17, reason 18, rule_set 19,
 * generation 20, rule 24, length 28; struct podlane_tuple from 32: source 0, destination 16, ports 32 and 34, protocol 36, ICMP type 37 and
 * code 38, TCP flags 39; ethertype 72, real_peer 76, real_port 92.
 */
export function decodeVerdictEvent(record: Buffer): VerdictEvent {
  const verdict = verdictKinds[record[17]!]!;
  const protocol = record[68]!;
  return {
    timeNs: record.readBigUInt64LE(0),
    slot: record.readUInt32LE(8),
    owner: record.readUInt32LE(12),
    direction: packetDirections[record[16]!]!,
    kind: verdict,
    reason: verdict === 'dropped' ? dropReasons[record[18]!]! : null,
    set: record[19] === 1 ? 'staged' : 'active',
    generation: record.readUInt32LE(20),
    rule: record.readUInt32LE(24),
    length: record.readUInt32LE(28),
    ethertype: record.readUInt32LE(72),
    protocol,
    source: decodeMappedIpAddress(record.subarray(32, 48)),
    destination: decodeMappedIpAddress(record.subarray(48, 64)),
    sourcePort: record.readUInt16LE(64),
    destinationPort: record.readUInt16LE(66),
    icmp: protocol === 1 || protocol === 58 ? { type: record[69]!, code: record[70]! } : null,
    tcpFlags: record[71]!,
    realPeer: record.subarray(76, 92).every((byte) => byte === 0)
      ? null
      : { address: decodeMappedIpAddress(record.subarray(76, 92)), port: record.readUInt16LE(92) },
  };
}

/** Hooks of Podlane's programs, in the order of enum podlane_hook (`bpf/datapath.bpf.c`). */
const hooks = [
  'netkit/peer',
  'netkit/primary',
  'tcx/ingress',
  'tcx/egress',
  'tc/ingress',
  'tc/egress',
] as const;
const traceVerdicts = ['next', 'dropped', 'redirected'] as const;

/** Event of one program run on a traced packet. */
export interface TraceEvent {
  /** Id of the trace filter that matched. */
  id: number;
  /** Time of the event in ns of CLOCK_MONOTONIC. */
  timeNs: bigint;
  slot: number;
  owner: number;
  hook: (typeof hooks)[number];
  verdict: (typeof traceVerdicts)[number];
  /** Reason of the drop; null if the packet was not dropped. */
  reason: DropReason | null;
  /** Number of the active rule that denied the packet; 0 for the default action or a drop for another reason. */
  rule: number;
  /** Slot that the packet was redirected to; null if it was not redirected. */
  target: number | null;
  /** Length of the packet in bytes from the network header on. */
  length: number;
  /** Packet headers up to and including layer 4, without payload; at most 96 bytes. */
  headers: Buffer;
}

/**
 * Decodes struct podlane_trace_event: time 0, id 8, slot 12, owner 16, target 20, rule 24, length 28, hook 32,
 * verdict 33, reason 34, header_bytes 35, header 36.
 */
export function decodeTraceEvent(record: Buffer): TraceEvent {
  const verdict = traceVerdicts[record[33]!]!;
  return {
    id: record.readUInt32LE(8),
    timeNs: record.readBigUInt64LE(0),
    slot: record.readUInt32LE(12),
    owner: record.readUInt32LE(16),
    hook: hooks[record[32]!]!,
    verdict,
    reason: verdict === 'dropped' ? dropReasons[record[34]!]! : null,
    rule: record.readUInt32LE(24),
    target: verdict === 'redirected' ? record.readUInt32LE(20) : null,
    length: record.readUInt32LE(28),
    headers: Buffer.from(record.subarray(36, 36 + record[35]!)),
  };
}

/** Filter of the packets to trace; a missing field matches any packet. */
export interface PacketTraceFilter {
  /** Id of the filter, which each of its events carries; must not be 0. */
  id: number;
  /** Number of the pod whose packets are traced. */
  owner?: number;
  /** Address that must be the packet's source or destination. */
  address?: string;
  /** Port that must be the packet's source or destination port. */
  port?: number;
  protocol?: number;
  family?: 4 | 6;
}

/** Size of struct podlane_trace_filter: id 0, owner 4, address 8, port 24, protocol 26, family 27. */
export const traceFilterSize = 28;
export function encodeTraceFilter(filter: PacketTraceFilter): Buffer {
  const value = Buffer.alloc(traceFilterSize);
  value.writeUInt32LE(filter.id, 0);
  value.writeUInt32LE(filter.owner ?? 0, 4);
  if (filter.address !== undefined) encodeMappedIpAddress(filter.address).copy(value, 8);
  value.writeUInt16LE(filter.port ?? 0, 24);
  value.writeUInt8(filter.protocol ?? 0, 26);
  value.writeUInt8(filter.family ?? 0, 27);
  return value;
}

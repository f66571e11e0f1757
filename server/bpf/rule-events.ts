import { type Direction, directions } from '../../contract/direction.ts';
import { type DropReason, dropReasons } from '../../contract/sample-frame.ts';
import { mappedBytes, mappedText } from './rule-layout.ts';

/** What `bpf/rule-layout.h` has programs tell of packets, and the packets that they are asked to tell of, for this side. */

/** What was sent on the wire, as far as rules look at it. */
export interface PacketTuple {
  /** IP protocol number. */
  protocol: number;
  source: string;
  destination: string;
  /** 0 without ports. */
  sourcePort: number;
  destinationPort: number;
  icmp: { type: number; code: number } | null;
  /** Of TCP: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32; else 0. */
  tcpFlags: number;
}

/** In the order of enum podlane_told. */
const told = ['dropped', 'logged', 'draft-drop', 'draft-pass'] as const;

/** What was decided on a packet, as a rule wants it told. */
export interface VerdictEvent extends PacketTuple {
  /** CLOCK_MONOTONIC. */
  timeNs: bigint;
  slot: number;
  /** Number of the pod whose rules judged. */
  owner: number;
  direction: Direction;
  /** `draft-drop`: it passed, and the draft would drop it; `draft-pass` the other way. */
  verdict: (typeof told)[number];
  /** Of a drop. */
  reason: DropReason | null;
  /** Whose number `rule` is; a `log` rule may be of either. */
  set: 'active' | 'draft';
  /** Generation of the set, as the load of its tables told it: numbers are kept only while the rules' names are. */
  generation: number;
  /** The rule that decided or logs; 0: the default of the direction. */
  rule: number;
  /** Bytes of the network packet. */
  length: number;
}

/**
 * struct podlane_verdict: time 0, slot 8, owner 12, direction 16, told 17, reason 18, set 19, generation 20, rule 24,
 * length 28; struct podlane_tuple from 32: source 0, destination 16, ports 32 and 34, protocol 36, ICMP type 37 and
 * code 38, TCP flags 39.
 */
export function decodeVerdict(record: Buffer): VerdictEvent {
  const verdict = told[record[17]!]!;
  const protocol = record[68]!;
  return {
    timeNs: record.readBigUInt64LE(0),
    slot: record.readUInt32LE(8),
    owner: record.readUInt32LE(12),
    direction: directions[record[16]!]!,
    verdict,
    reason: verdict === 'dropped' ? dropReasons[record[18]!]! : null,
    set: record[19] === 1 ? 'draft' : 'active',
    generation: record.readUInt32LE(20),
    rule: record.readUInt32LE(24),
    length: record.readUInt32LE(28),
    protocol,
    source: mappedText(record.subarray(32, 48)),
    destination: mappedText(record.subarray(48, 64)),
    sourcePort: record.readUInt16LE(64),
    destinationPort: record.readUInt16LE(66),
    icmp: protocol === 1 || protocol === 58 ? { type: record[69]!, code: record[70]! } : null,
    tcpFlags: record[71]!,
  };
}

/** Where our programs run, in the order of enum podlane_hook. */
const hooks = [
  'netkit/peer',
  'netkit/primary',
  'tcx/ingress',
  'tcx/egress',
  'tc/ingress',
  'tc/egress',
] as const;
const ran = ['next', 'dropped', 'redirected'] as const;

/** One run of one of our programs, at its end. */
export interface TraceEvent {
  /** Of the filter. */
  id: number;
  /** CLOCK_MONOTONIC. */
  timeNs: bigint;
  slot: number;
  owner: number;
  hook: (typeof hooks)[number];
  verdict: (typeof ran)[number];
  /** Of a drop. */
  reason: DropReason | null;
  /** That denied, of the active set; 0: the default, or no rule was asked. */
  rule: number;
  /** That it was redirected to. */
  target: number | null;
  /** Bytes of the network packet. */
  length: number;
  /** The packet's first bytes from its network header on, never payload behind layer 4's header; at most 96. */
  headers: Buffer;
}

/**
 * struct podlane_trace: time 0, id 8, slot 12, owner 16, target 20, rule 24, length 28, hook 32, ran 33, reason 34,
 * headers 35, header 36.
 */
export function decodeTrace(record: Buffer): TraceEvent {
  const verdict = ran[record[33]!]!;
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

/** Of what is not said, any. */
export interface TraceFilter {
  /** Told with each of its events; not 0. */
  id: number;
  /** Number of the pod. */
  owner?: number;
  /** At either end of the packet. */
  address?: string;
  /** At either end of the packet. */
  port?: number;
  protocol?: number;
  family?: 4 | 6;
}

/** struct podlane_trace_filter: id 0, owner 4, address 8, port 24, protocol 26, family 27. */
export const traceFilterBytes = 28;
export function encodeTraceFilter(filter: TraceFilter): Buffer {
  const value = Buffer.alloc(traceFilterBytes);
  value.writeUInt32LE(filter.id, 0);
  value.writeUInt32LE(filter.owner ?? 0, 4);
  if (filter.address !== undefined) mappedBytes(filter.address).copy(value, 8);
  value.writeUInt16LE(filter.port ?? 0, 24);
  value.writeUInt8(filter.protocol ?? 0, 26);
  value.writeUInt8(filter.family ?? 0, 27);
  return value;
}

import type { Direction } from '../../contract/acl.ts';
import type { DropReason } from '../../contract/sample.ts';
import { dropReasons } from '../../contract/sample.ts';
import { address4Bytes, address6Bytes, addressText } from './address.ts';

/** What `bpf/rules.h` says, for this side. */

/** How much the maps of rules hold that are not sized by configuration. */
export const ruleRoom = {
  /** Of each set; twice what a set may have, since the next one is written beside. */
  prefixes: 131_072,
  assignments: 262_144,
  /** Of all rows of both sets. */
  entries: 524_288,
  nodeAddresses: 4096,
  fragments: 1024,
  verdictBytes: 524_288,
  traceBytes: 1_048_576,
  traceFilters: 4,
} as const;

/** struct podlane_settings. */
export const settingsBytes = 112;
export const setting = {
  flags: 0,
  generation: 4,
  unknownDenied: 12,
  timeouts: 20,
  verdictInterval: 88,
  verdictBurst: 96,
  lostTraces: 104,
} as const;
export const settingFlag = { active: 1, draft: 2, trace: 4 } as const;

/** enum podlane_timeouts: the order of their rows. */
export const timeoutKinds = ['tcp', 'udp', 'icmp', 'other'] as const;
/** enum podlane_state. */
export const connectionStates = ['unreplied', 'replied', 'closing'] as const;
/** Place of a direction in values of `policies`, and of its bit in `unknown_denied`. */
export const directions: readonly Direction[] = ['ingress', 'egress'];

/** struct podlane_prefix: length 0, address 4; struct podlane_identity, a u32 by half. */
export const prefixBytes = 20;
export const identityBytes = 8;
/** struct podlane_policy: by half and direction u32 policy, u32 row; a lock, 4 bytes of nothing. */
export const policyBytes = 40;
export const unknownPod = 0xffff_ffff;
/** struct podlane_assignment: policy 0, identity 4; struct podlane_assigned: u32 row by half, a lock. */
export const assignmentBytes = 8;
export const assignedBytes = 12;
/** struct podlane_entry: place 0, mask 4, said 8, rule 12, log 14, hits 16. */
export const entryBytes = 24;
export const verdictNumber = { allow: 0, deny: 1, pass: 2 } as const;
export const lowerBits = 0xff_ffff;

/** An address as rules have it: 16 bytes, IPv4 as ::ffff:a.b.c.d. @throws RangeError */
export function mappedBytes(address: string): Buffer {
  if (address.includes(':')) return Buffer.from(address6Bytes(address));
  return Buffer.from([...mappedPrefix, ...address4Bytes(address)]);
}
const mappedPrefix = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]);
export const nodeAddressBytes = 16;

/** `mappedBytes` the other way. */
export const mappedText = (bytes: Buffer): string =>
  addressText(bytes.subarray(0, 12).equals(mappedPrefix) ? bytes.subarray(12, 16) : bytes.subarray(0, 16));

/** struct podlane_connection_key: owner 0, peer 4, pod_port 20, peer_port 22, protocol 24. */
export const connectionKeyBytes = 28;
/**
 * struct podlane_connection: generation 0, draft_generation 4, expires 8, rule 12, draft_rule 14, state 16,
 * begun_by 17, draft_denies 18.
 */
export const connectionBytes = 20;
/** struct podlane_fragments: owner, two addresses, id, protocol. */
export const fragmentKeyBytes = 44;

/** struct podlane_lost, a u64 each: over the rate, buffer full. */
export const lostBytes = 16;

/** What a verdict tells of: struct podlane_verdict. */
export interface VerdictRecord {
  timeNs: bigint;
  slot: number;
  owner: number;
  direction: Direction;
  verdict: 'dropped' | 'logged' | 'draft-drop' | 'draft-pass';
  reason: DropReason | null;
  set: 'active' | 'draft';
  generation: number;
  rule: number;
  length: number;
  protocol: number;
  source: string;
  destination: string;
  sourcePort: number;
  destinationPort: number;
  icmp: { type: number; code: number } | null;
  tcpFlags: number;
}

const told = ['dropped', 'logged', 'draft-drop', 'draft-pass'] as const;

/**
 * struct podlane_verdict: time 0, slot 8, owner 12, direction 16, told 17, reason 18, set 19, generation 20, rule 24,
 * length 28; struct podlane_tuple from 32: source 0, destination 16, ports 32 and 34, protocol 36, ICMP type 37 and
 * code 38, TCP flags 39.
 */
export function decodeVerdict(record: Buffer): VerdictRecord {
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

/** struct podlane_trace_filter: id 0, owner 4, address 8, port 24, protocol 26, family 27. */
export const traceFilterBytes = 28;
export function encodeTraceFilter(filter: {
  id: number;
  owner?: number;
  address?: string;
  port?: number;
  protocol?: number;
  family?: 4 | 6;
}): Buffer {
  const value = Buffer.alloc(traceFilterBytes);
  value.writeUInt32LE(filter.id, 0);
  value.writeUInt32LE(filter.owner ?? 0, 4);
  if (filter.address !== undefined) mappedBytes(filter.address).copy(value, 8);
  value.writeUInt16LE(filter.port ?? 0, 24);
  value.writeUInt8(filter.protocol ?? 0, 26);
  value.writeUInt8(filter.family ?? 0, 27);
  return value;
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

/** What a trace tells: struct podlane_trace. */
export interface TraceRecord {
  id: number;
  timeNs: bigint;
  slot: number;
  owner: number;
  hook: (typeof hooks)[number];
  verdict: (typeof ran)[number];
  reason: DropReason | null;
  rule: number;
  target: number | null;
  length: number;
  headers: Buffer;
}

/**
 * struct podlane_trace: time 0, id 8, slot 12, owner 16, target 20, rule 24, length 28, hook 32, ran 33, reason 34,
 * headers 35, header 36.
 */
export function decodeTrace(record: Buffer): TraceRecord {
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

import { address4Bytes, address6Bytes, addressText } from './ip-address.ts';

/** What `bpf/rule-layout.h` says, for this side. */

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

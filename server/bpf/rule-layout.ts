import { decodeIpAddress, encodeIpv4Address, encodeIpv6Address } from './address-encoding.ts';

// Sizes, offsets and numbers of bpf/rule-layout.h.

/** Capacities of the rule maps that are not configurable. */
export const ruleMapCapacities = {
  /**
   * Number of prefixes per rule set: twice the allowed number, since new tables are written beside the current ones.
   */
  ipcache: 131_072,
  /** Number of elements in the policies map of a rule set. */
  policies: 262_144,
  /** Number of elements in the rule entries map, which both rule sets share. */
  entries: 524_288,
  nodeAddresses: 4096,
  fragments: 1024,
  masqueraded: 16_384,
  verdictBytes: 524_288,
  traceBytes: 1_048_576,
  traceFilters: 4,
} as const;

/** Size of struct podlane_settings in bytes. */
export const datapathSettingsSize = 120;
/** Offsets of the fields in struct podlane_settings. */
export const datapathSettingsOffsets = {
  flags: 0,
  generation: 4,
  unknownPodDenied: 12,
  timeouts: 20,
  quota: 84,
  verdictInterval: 88,
  verdictBurst: 96,
  lostTraces: 104,
  largestPod: 112,
  slotsGeneration: 116,
} as const;
/** Bits of the field `flags` in struct podlane_settings. */
export const datapathSettingsFlags = { active: 1, staged: 2, trace: 4, afterNat: 8, learning: 16 } as const;

/** Protocols with their own conntrack timeouts, in the order of enum podlane_timeout_kind. */
export const conntrackTimeoutKinds = ['tcp', 'udp', 'icmp', 'other'] as const;
/** Conntrack states, in the order of enum podlane_conntrack_state, without the last one. */
export const conntrackStates = ['unreplied', 'replied', 'closing'] as const;
/** State of a connection that is no longer allowed, whose packets are dropped. */
export const endedConntrackState = 3;

/** Size of struct podlane_ipcache_key: prefix_length 0, address 4. */
export const ipcacheKeySize = 20;
/** Size of struct podlane_ipcache_entry: a u32 identity for each of the A/B tables. */
export const ipcacheEntrySize = 8;
/**
 * Size of struct podlane_pod_policies: u32 policy and u32 default_entries per A/B table and direction, a lock,
 * padding.
 */
export const podPoliciesSize = 40;
/** Value of `default_entries` for a pod that the rule tables do not know. */
export const unknownPodDefaultEntries = 0xffff_ffff;
/** Size of struct podlane_policy_key: policy 0, identity 4. */
export const policyKeySize = 8;
/** Size of struct podlane_policy_entry: a u32 index of rule entries for each of the A/B tables, a lock. */
export const policyEntrySize = 12;
/** Size of struct podlane_rule_entry: protocol_port 0, mask 4, verdict_and_parent 8, rule 12, log_rule 14, hits 16. */
export const ruleEntrySize = 24;
/** Values of the verdict in `verdict_and_parent`; `default` leaves the decision to the pod's default entries. */
export const ruleEntryVerdictCodes = { allow: 0, deny: 1, default: 2 } as const;
/** PODLANE_PARENT_MASK: bits of `verdict_and_parent` with the offset of the enclosing entry. */
export const parentOffsetMask = 0xff_ffff;

const mappedPrefix = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]);

/** Encodes an IP address as 16 bytes, IPv4 as ::ffff:a.b.c.d. @throws RangeError if the text is no IP address */
export function encodeMappedIpAddress(address: string): Buffer {
  if (address.includes(':')) return Buffer.from(encodeIpv6Address(address));
  return Buffer.from([...mappedPrefix, ...encodeIpv4Address(address)]);
}
/** Size of struct podlane_node_address in bytes. */
export const nodeAddressSize = 16;

/** Decodes an IP address from 16 bytes, in which an IPv4 address is encoded as ::ffff:a.b.c.d. */
export const decodeMappedIpAddress = (bytes: Buffer): string =>
  decodeIpAddress(
    bytes.subarray(0, 12).equals(mappedPrefix) ? bytes.subarray(12, 16) : bytes.subarray(0, 16),
  );

/** Size of struct podlane_conntrack_key: owner 0, peer 4, pod_port 20, peer_port 22, protocol 24. */
export const conntrackKeySize = 28;
/**
 * Size of struct podlane_conntrack_entry: generation 0, staged_generation 4, expires 8, rule 12, staged_rule 14,
 * state 16, initiator 17, staged_denies 18, flags 19, ring 20, real_peer 24, real_port 40.
 */
export const conntrackEntrySize = 44;
/** Bit of `flags`: the connection is not evaluated yet. */
export const pendingConntrackFlag = 4;
/** Bit of `flags`: the node itself began the connection. */
export const fromNodeConntrackFlag = 8;
/** Bit of `flags`: the connection was seen before there were rules, and who began it is not known. */
export const learnedConntrackFlag = 32;
/** Size of struct podlane_conntrack_ring_key: owner 0, index 4. */
export const conntrackRingKeySize = 8;
/** Size of struct podlane_conntrack_pod: head 0, tail 4, connections 8, evicted 16, evicted_replied 24, untracked 32. */
export const conntrackPodSize = 40;
/** Size of struct podlane_fragment_key: owner, source and destination address, id, protocol. */
export const fragmentKeySize = 44;

/** Size of struct podlane_fragment_entry: expires 0, state 4, passed 6. */
export const fragmentEntrySize = 8;

/** Size of struct podlane_lost_verdicts: rate_limited 0, buffer_full 8. */
export const lostVerdictsSize = 16;

import type { BpfHashMap } from '../../bpf/hash-map.ts';
import {
  conntrackStates,
  decodeMappedIpAddress,
  endedConntrackState,
  learnedConntrackFlag,
  pendingConntrackFlag,
} from '../../bpf/rule-layout.ts';
import type { TrackedConnection } from './kernel-rules.ts';

/** Returns CLOCK_MONOTONIC in seconds, the clock of the conntrack field `expires`. */
const nowSeconds = (): number => Number(process.hrtime.bigint() / 1_000_000_000n);

/** Lists the connections in the map `conntrack`, of one pod or of all, without those that expired, ended or are not evaluated yet. */
export function listBpfTrackedConnections(map: BpfHashMap, owner?: number): TrackedConnection[] {
  const now = nowSeconds();
  return map
    .entries()
    .filter(([key]) => owner === undefined || key.readUInt32LE(0) === owner)
    .filter(
      ([, value]) => value[16] !== endedConntrackState && ((value[19] ?? 0) & pendingConntrackFlag) === 0,
    )
    .map(([key, value]) => decodeBpfConntrackEntry(key, value, now))
    .filter(({ expiresIn }) => expiresIn > 0);
}

/**
 * Counts the connections with an answer that no rules have evaluated: those that existed before.
 * @param now CLOCK_MONOTONIC in seconds
 */
export function countAdoptedConnections(map: BpfHashMap, now: number): number {
  return map
    .entries()
    .filter(([, value]) => value.readUInt32LE(0) === 0 && conntrackStates[value.readUInt8(16)] === 'replied')
    .filter(([, value]) => ((value.readUInt32LE(8) - now) | 0) > 0).length;
}

/** Values of `initiator` in struct podlane_conntrack_entry. */
const initiators = ['pod', 'peer', 'unknown'] as const;

/** Decodes the other end that rules see; null where it is the one that the pod sees. */
function describeRealPeer(key: Buffer, value: Buffer): { address: string; port: number } | null {
  const port = value.readUInt16LE(40);
  if (key.subarray(4, 20).equals(value.subarray(24, 40)) && port === key.readUInt16LE(22)) return null;
  return { address: decodeMappedIpAddress(value.subarray(24, 40)), port };
}

const isLearned = (value: Buffer): boolean => ((value[19] ?? 0) & learnedConntrackFlag) !== 0;

/** Decodes struct podlane_conntrack_key and struct podlane_conntrack_entry. @param now CLOCK_MONOTONIC in seconds */
export function decodeBpfConntrackEntry(key: Buffer, value: Buffer, now: number): TrackedConnection {
  return {
    owner: key.readUInt32LE(0),
    protocol: key.readUInt32LE(24),
    peer: decodeMappedIpAddress(key.subarray(4, 20)),
    podPort: key.readUInt16LE(20),
    peerPort: key.readUInt16LE(22),
    initiator: isLearned(value) ? 'unknown' : (initiators[value.readUInt8(17)] ?? 'unknown'),
    realPeer: describeRealPeer(key, value),
    state: conntrackStates[value.readUInt8(16)] ?? 'unreplied',
    rule: value.readUInt16LE(12),
    staged:
      value.readUInt32LE(4) === 0
        ? null
        : { verdict: value[18] === 0 ? 'allow' : 'deny', rule: value.readUInt16LE(14) },
    expiresIn: (value.readUInt32LE(8) - now) | 0,
  };
}

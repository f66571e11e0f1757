import type { BpfHashMap } from '../../bpf/hash-map.ts';
import { conntrackStates, decodeMappedIpAddress } from '../../bpf/rule-layout.ts';
import type { TrackedConnection } from './kernel-rules.ts';

/** Returns CLOCK_MONOTONIC in seconds, the clock of the conntrack field `expires`. */
const nowSeconds = (): number => Number(process.hrtime.bigint() / 1_000_000_000n);

/** Lists the connections in the map `conntrack`, of one pod or of all, without expired ones. */
export function listTrackedConnections(map: BpfHashMap, owner?: number): TrackedConnection[] {
  const now = nowSeconds();
  return map
    .entries()
    .filter(([key]) => owner === undefined || key.readUInt32LE(0) === owner)
    .map(([key, value]) => decodeConntrackEntry(key, value, now))
    .filter(({ expiresIn }) => expiresIn > 0);
}

/** Decodes struct podlane_conntrack_key and struct podlane_conntrack_entry. @param now CLOCK_MONOTONIC in seconds */
export function decodeConntrackEntry(key: Buffer, value: Buffer, now: number): TrackedConnection {
  return {
    owner: key.readUInt32LE(0),
    protocol: key.readUInt32LE(24),
    peer: decodeMappedIpAddress(key.subarray(4, 20)),
    podPort: key.readUInt16LE(20),
    peerPort: key.readUInt16LE(22),
    initiator: value[17] === 0 ? 'pod' : 'peer',
    state: conntrackStates[value.readUInt8(16)] ?? 'unreplied',
    rule: value.readUInt16LE(12),
    staged:
      value.readUInt32LE(4) === 0
        ? null
        : { verdict: value[18] === 0 ? 'allow' : 'deny', rule: value.readUInt16LE(14) },
    expiresIn: (value.readUInt32LE(8) - now) | 0,
  };
}

import type { HashMap } from '../../bpf/hash-map.ts';
import { connectionStates, mappedText } from '../../bpf/rule-layout.ts';
import type { TrackedConnection } from './kernel-rules.ts';

/** CLOCK_MONOTONIC, s: as programs count. */
const now = (): number => Number(process.hrtime.bigint() / 1_000_000_000n);

/** What the map `connections` remembers, of one pod or of all; what has expired is left out. */
export function listConnections(map: HashMap, owner?: number): TrackedConnection[] {
  const at = now();
  return map
    .entries()
    .filter(([key]) => owner === undefined || key.readUInt32LE(0) === owner)
    .map(([key, value]) => decodeConnection(key, value, at))
    .filter(({ expiresIn }) => expiresIn > 0);
}

/** struct podlane_connection_key and struct podlane_connection (`rule-layout.ts`). @param at s, now */
export function decodeConnection(key: Buffer, value: Buffer, at: number): TrackedConnection {
  return {
    owner: key.readUInt32LE(0),
    protocol: key.readUInt32LE(24),
    peer: mappedText(key.subarray(4, 20)),
    podPort: key.readUInt16LE(20),
    peerPort: key.readUInt16LE(22),
    begunBy: value[17] === 0 ? 'pod' : 'peer',
    state: connectionStates[value[16]!]!,
    rule: value.readUInt16LE(12),
    draft:
      value.readUInt32LE(4) === 0
        ? null
        : { verdict: value[18] === 0 ? 'allow' : 'deny', rule: value.readUInt16LE(14) },
    expiresIn: (value.readUInt32LE(8) - at) | 0,
  };
}

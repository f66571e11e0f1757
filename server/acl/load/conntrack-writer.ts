import type { BpfHashMap } from '../../bpf/hash-map.ts';
import {
  conntrackEntrySize,
  conntrackKeySize,
  conntrackPodSize,
  conntrackRingKeySize,
  encodeMappedIpAddress,
  fromNodeConntrackFlag,
} from '../../bpf/rule-layout.ts';
import type { ExistingConnection } from './existing-connections.ts';

/** PODLANE_REPLIED and the values of `initiator`, bpf/rule-layout.h. */
const replied = 1;
const initiators = { pod: 0, peer: 1, unknown: 2 } as const;

/** Encodes struct podlane_conntrack_key. */
function encodeKey({ owner, peer, podPort, peerPort, protocol }: ExistingConnection): Buffer {
  const key = Buffer.alloc(conntrackKeySize);
  key.writeUInt32LE(owner, 0);
  encodeMappedIpAddress(peer).copy(key, 4);
  key.writeUInt16LE(podPort, 20);
  key.writeUInt16LE(peerPort, 22);
  key.writeUInt32LE(protocol, 24);
  return key;
}

/** Encodes struct podlane_conntrack_entry of generation 0: the next packet is evaluated by the rules of that moment. */
function encodeEntry(
  { initiator, realPeer, fromNode }: ExistingConnection,
  ring: number,
  expires: number,
): Buffer {
  const entry = Buffer.alloc(conntrackEntrySize);
  entry.writeUInt32LE(expires >>> 0, 8);
  entry.writeUInt8(replied, 16);
  entry.writeUInt8(initiators[initiator], 17);
  if (fromNode) entry.writeUInt8(fromNodeConntrackFlag, 19);
  entry.writeUInt32LE(ring, 20);
  encodeMappedIpAddress(realPeer.address).copy(entry, 24);
  entry.writeUInt16LE(realPeer.port, 40);
  return entry;
}

export interface ConntrackMaps {
  conntrack: BpfHashMap;
  rings: BpfHashMap;
  pods: BpfHashMap;
}

/**
 * Adds connections to the table, up to each pod's quota. Must only be called while no program adds any: programs and this
 * would give the same place in a pod's ring.
 * @param expires time in seconds of CLOCK_MONOTONIC, by protocol number
 * @returns the number of added connections; the others had no room
 */
export function writeConnections(
  { conntrack, rings, pods }: ConntrackMaps,
  connections: readonly ExistingConnection[],
  quota: number,
  expires: (protocol: number) => number,
): number {
  const rest = new Map(
    conntrack.entries().map(([key, value]) => [key.toString('hex'), value.readUInt32LE(20)]),
  );
  const known = new Map(pods.entries().map(([key, value]) => [key.readUInt32LE(0), value]));
  let added = 0;
  for (const connection of connections) {
    const { owner } = connection;
    const seconds = expires(connection.protocol);
    const key = encodeKey(connection);
    const place = rest.get(key.toString('hex'));
    if (place !== undefined) {
      // of rules that were active earlier
      conntrack.set(key, encodeEntry(connection, place, seconds));
      added += 1;
      continue;
    }
    const pod = known.get(owner) ?? Buffer.alloc(conntrackPodSize);
    if (quota > 0 && pod.readUInt32LE(8) >= quota) continue;
    const at = Buffer.alloc(conntrackRingKeySize);
    const index = pod.readUInt32LE(0);
    at.writeUInt32LE(owner, 0);
    at.writeUInt32LE(index, 4);
    try {
      rings.set(at, key);
      conntrack.set(key, encodeEntry(connection, index, seconds));
    } catch {
      break; // the table is full
    }
    pod.writeUInt32LE((index + 1) >>> 0, 0);
    pod.writeUInt32LE(pod.readUInt32LE(8) + 1, 8);
    known.set(owner, pod);
    added += 1;
  }
  for (const [owner, pod] of known) {
    const key = Buffer.alloc(4);
    key.writeUInt32LE(owner, 0);
    pods.set(key, pod);
  }
  return added;
}

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

/** A connection of earlier rules, or one that was learned. */
interface TableEntry {
  owner: number;
  key: Buffer;
  ring: number;
  state: number;
  /** Generation of the rules that it was evaluated by last; 0 for one that was learned. */
  generation: number;
}

/** The connection table, while no program adds any: programs and this would give the same place in a pod's ring. */
class ConntrackTable {
  readonly #maps: ConntrackMaps;
  readonly #quota: number;
  readonly #entries: Map<string, TableEntry>;
  readonly #pods: Map<number, Buffer>;
  /** Entries of each pod, those first that make room. */
  readonly #evictable: Map<number, TableEntry[]>;

  /** Reads the table and removes what has expired. @param now CLOCK_MONOTONIC in seconds */
  constructor(maps: ConntrackMaps, quota: number, now: number) {
    this.#maps = maps;
    this.#quota = quota;
    this.#pods = new Map(maps.pods.entries().map(([key, value]) => [key.readUInt32LE(0), value]));
    const entries = maps.conntrack.entries().map(([key, value]) => ({
      entry: {
        owner: key.readUInt32LE(0),
        key,
        ring: value.readUInt32LE(20),
        state: value.readUInt8(16),
        generation: value.readUInt32LE(0),
      },
      isExpired: ((value.readUInt32LE(8) - now) | 0) <= 0,
    }));
    const kept = entries.filter(({ isExpired }) => !isExpired).map(({ entry }) => entry);
    this.#entries = new Map(kept.map((entry) => [entry.key.toString('hex'), entry]));
    for (const { entry, isExpired } of entries) if (isExpired) this.#remove(entry);
    const inOrder = kept.sort(
      (a, b) =>
        Number(a.generation === 0) - Number(b.generation === 0) ||
        Number(a.state === replied) - Number(b.state === replied) ||
        a.ring - b.ring,
    );
    this.#evictable = Map.groupBy(inOrder.reverse(), ({ owner }) => owner);
  }

  /** Adds a connection in place of an earlier one, or beside the others; without room it is left out. */
  add(connection: ExistingConnection, expires: number): void {
    const { owner } = connection;
    const key = encodeKey(connection);
    const known = this.#entries.get(key.toString('hex'));
    if (known !== undefined) {
      known.generation = 0;
      known.state = replied;
      this.#maps.conntrack.set(key, encodeEntry(connection, known.ring, expires));
      return;
    }
    const pod = this.#pod(owner);
    if (this.#quota > 0 && pod.readUInt32LE(8) >= this.#quota && !this.#makeRoom(owner)) return;
    if (!this.#insert(connection, key, expires) && this.#makeRoom(owner))
      this.#insert(connection, key, expires);
  }

  /** Writes how many connections each pod has. */
  writePods(): void {
    for (const [owner, pod] of this.#pods) this.#maps.pods.set(encodeOwner(owner), pod);
  }

  #pod(owner: number): Buffer {
    const pod = this.#pods.get(owner) ?? Buffer.alloc(conntrackPodSize);
    this.#pods.set(owner, pod);
    return pod;
  }

  /** @returns false if the table is full */
  #insert(connection: ExistingConnection, key: Buffer, expires: number): boolean {
    const { rings, conntrack } = this.#maps;
    const pod = this.#pod(connection.owner);
    const ring = pod.readUInt32LE(0);
    try {
      rings.set(encodeRingKey(connection.owner, ring), key);
      conntrack.set(key, encodeEntry(connection, ring, expires));
    } catch {
      rings.delete(encodeRingKey(connection.owner, ring));
      return false;
    }
    pod.writeUInt32LE((ring + 1) >>> 0, 0);
    pod.writeUInt32LE(pod.readUInt32LE(8) + 1, 8);
    return true;
  }

  /** Removes a connection of earlier rules; one that was learned stays. @returns false if there is none */
  #makeRoom(owner: number): boolean {
    const evictable = this.#evictable.get(owner) ?? [];
    for (let entry = evictable.pop(); entry; entry = evictable.pop()) {
      if (entry.generation === 0) continue;
      this.#remove(entry);
      return true;
    }
    return false;
  }

  #remove({ owner, key, ring }: TableEntry): void {
    this.#entries.delete(key.toString('hex'));
    this.#maps.conntrack.delete(key);
    this.#maps.rings.delete(encodeRingKey(owner, ring));
    const pod = this.#pod(owner);
    pod.writeInt32LE(Math.max(0, pod.readInt32LE(8) - 1), 8);
  }
}

function encodeOwner(owner: number): Buffer {
  const key = Buffer.alloc(4);
  key.writeUInt32LE(owner, 0);
  return key;
}

/** Encodes struct podlane_conntrack_ring_key. */
function encodeRingKey(owner: number, index: number): Buffer {
  const key = Buffer.alloc(conntrackRingKeySize);
  key.writeUInt32LE(owner, 0);
  key.writeUInt32LE(index, 4);
  return key;
}

/**
 * Adds connections to the table, up to each pod's quota. Expired ones, and then those of earlier rules, make room. Must
 * only be called while no program adds any.
 * @param options `now`: CLOCK_MONOTONIC in seconds; `expires`: in the same, by protocol number
 */
export function writeConnections(
  maps: ConntrackMaps,
  connections: readonly ExistingConnection[],
  { quota, now, expires }: { quota: number; now: number; expires: (protocol: number) => number },
): void {
  const table = new ConntrackTable(maps, quota, now);
  for (const connection of connections) table.add(connection, expires(connection.protocol));
  table.writePods();
}

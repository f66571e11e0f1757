import { closeSync, openSync } from 'node:fs';
import { listConnectedSockets } from '../../netlink/connected-sockets.ts';
import { listConntrackEntries } from '../../netlink/conntrack.ts';
import type { ConntrackEntry } from '../../netlink/conntrack-entry.ts';
import { NetlinkSocket } from '../../netlink/socket.ts';
import { readNodeAddresses } from './node-addresses.ts';

/** A pod whose connections are looked for. */
export interface PodWithConnections {
  /** The pod's number. */
  owner: number;
  /** Path of its network namespace. */
  netns: string;
  /** Addresses with or without a prefix length. */
  addresses: readonly string[];
}

/** A connection that existed before rules were active. */
export interface ExistingConnection {
  owner: number;
  protocol: number;
  peer: string;
  podPort: number;
  peerPort: number;
  initiator: 'pod' | 'peer' | 'unknown';
  /** Whether the node itself began it, which may reach its pods. */
  fromNode: boolean;
  /** Other end behind NAT; the peer itself where nothing is translated. */
  realPeer: { address: string; port: number };
}

/** Connections found, and the pods that could not be looked into, with the reason. */
export interface ExistingConnections {
  connections: ExistingConnection[];
  failed: { owner: number; error: unknown }[];
}

/** Most connections that are taken over at once. */
const maxFound = 262_144;

/**
 * Finds the connections of pods that exist now: in the kernel's conntrack, which knows who began them and what is
 * translated, whatever their protocol, and in the pods' sockets, where conntrack is not in use. A UDP socket that is not
 * connected tells no peer.
 */
export async function findExistingConnections(
  pods: readonly PodWithConnections[],
): Promise<ExistingConnections> {
  const found = new Map<string, ExistingConnection>();
  const add = (connection: ExistingConnection): void => {
    const { owner, protocol, peer, podPort, peerPort } = connection;
    const key = `${owner} ${protocol} ${peer} ${podPort} ${peerPort}`;
    if (!found.has(key) && found.size < maxFound) found.set(key, connection);
  };
  const failed: ExistingConnections['failed'] = [];
  const owners = new Map(
    pods.flatMap(({ owner, addresses }) =>
      addresses.map((address) => [address.replace(/\/.*/, ''), owner] as const),
    ),
  );
  const ofNode = new Set((await readNodeAddresses()).all);
  const kernelConnections = await readKernelConnections();
  for (const entry of kernelConnections ?? [])
    for (const connection of ofPods(entry, owners, ofNode)) add(connection);
  for (const { owner, netns } of pods)
    try {
      for (const connection of await readPodSockets(owner, netns)) {
        // The kernel's conntrack would know of masquerading. If it cannot be read, nobody is taken to be the node.
        const fromNode = connection.initiator === 'peer' && ofNode.has(connection.peer);
        add({ ...connection, fromNode: fromNode && kernelConnections !== null });
      }
    } catch (error) {
      failed.push({ owner, error });
    }
  return { connections: [...found.values()], failed };
}

/** Returns the connections of the host; null where the kernel does not list them. */
async function readKernelConnections(): Promise<ConntrackEntry[] | null> {
  using socket = NetlinkSocket.open('netfilter');
  try {
    return (await listConntrackEntries(socket, { limit: maxFound })).entries;
  } catch {
    return null; // no ctnetlink: the pods' sockets tell
  }
}

/** Returns the connection as each of its ends that is a pod sees it. */
function ofPods(
  { original, reply }: ConntrackEntry,
  owners: ReadonlyMap<string, number>,
  ofNode: ReadonlySet<string>,
): ExistingConnection[] {
  const from = owners.get(original.source);
  const to = owners.get(reply.source);
  const { protocol, icmp } = original;
  const query = icmp ? icmp.type << 8 : 0;
  const ports = (tuple: typeof original) => ({
    source: tuple.ports?.source ?? icmp?.id ?? 0,
    destination: tuple.ports?.destination ?? query,
  });
  const answer = reply.ports ?? { source: query, destination: reply.icmp?.id ?? 0 };
  return [
    ...(from === undefined
      ? []
      : [
          {
            owner: from,
            protocol,
            peer: original.destination,
            podPort: ports(original).source,
            peerPort: ports(original).destination,
            initiator: 'pod' as const,
            fromNode: false,
            realPeer: { address: reply.source, port: answer.source },
          },
        ]),
    ...(to === undefined
      ? []
      : [
          {
            owner: to,
            protocol,
            peer: reply.destination,
            podPort: answer.source,
            peerPort: answer.destination,
            initiator: 'peer' as const,
            fromNode: ofNode.has(original.source),
            realPeer: { address: original.source, port: ports(original).source },
          },
        ]),
  ];
}

async function readPodSockets(owner: number, netns: string): Promise<Omit<ExistingConnection, 'fromNode'>[]> {
  const fd = openSync(netns, 'r');
  try {
    return (await listConnectedSockets(fd)).map(({ protocol, local, remote, accepted }) => ({
      owner,
      protocol,
      peer: remote.address,
      podPort: local.port,
      peerPort: remote.port,
      initiator: protocol === 17 ? ('unknown' as const) : accepted ? ('peer' as const) : ('pod' as const),
      realPeer: remote,
    }));
  } finally {
    closeSync(fd);
  }
}

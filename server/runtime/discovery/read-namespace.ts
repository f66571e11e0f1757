import { observedKindSchema } from '../../../contract/observed-pod.ts';
import { type NetworkNamespace, openNetworkNamespace } from '../../kernel/netns.ts';
import { type InterfaceAddress, listAddresses } from '../../netlink/address.ts';
import { getLink, listLinks } from '../../netlink/link.ts';
import type { NetworkLink } from '../../netlink/link-message.ts';
import { assignNamespaceId, getNamespaceId } from '../../netlink/namespace-id.ts';
import { NetlinkSocket } from '../../netlink/socket.ts';
import type { HostEnd, ObservedInterface } from '../observed-pod.ts';

/** Maximum number of interfaces of a pod that are shown: a namespace that has more is a router rather than a pod. */
const maxInterfaces = 64;

/** What a look into a namespace found. */
export interface NamespaceReading {
  /** Id of the namespace in the node's; null if none was needed: nothing of it leads to the node. */
  namespaceId: number | null;
  interfaces: Omit<ObservedInterface, 'counting' | 'counters'>[];
}

/**
 * Opens a network namespace through the first of the paths that leads to it. A process may have ended in between, and its
 * id be another's.
 */
export function openNamespaceByInode(inode: number, paths: Iterable<string>): NetworkNamespace | null {
  for (const path of paths) {
    try {
      const namespace = openNetworkNamespace(path);
      if (namespace.inode === BigInt(inode)) return namespace;
      namespace.close();
    } catch {
      // Not there any more.
    }
  }
  return null;
}

/** The node's own network namespace. */
export interface HostNamespace {
  socket: NetlinkSocket;
  fd: number;
}

/**
 * Reads the interfaces of a namespace that lead out of it, with their other ends in the node's. A namespace that is
 * connected with the node gets an id there, if it has none, so that the kernel reports its changes.
 */
export async function readNamespace(
  host: HostNamespace,
  namespace: NetworkNamespace,
): Promise<NamespaceReading> {
  using socket = NetlinkSocket.inNamespace(namespace.fd);
  const [links, addresses] = await Promise.all([listLinks(socket, { stats: true }), listAddresses(socket)]);
  const leading = links.filter(leadsOut).slice(0, maxInterfaces);
  if (leading.length === 0) return { namespaceId: null, interfaces: [] };
  // By listing its links, the kernel has given ids to the namespaces of their other ends.
  const hostId = await getNamespaceId(socket, host.fd);
  const interfaces: NamespaceReading['interfaces'] = [];
  for (const link of leading) {
    const leadsToHost = hostId !== null && link.peerNamespaceId === hostId && link.peerIfindex !== null;
    const other = leadsToHost ? await getLink(host.socket, { ifindex: link.peerIfindex ?? 0 }) : null;
    const isPair = link.kind === 'veth' || link.kind === 'netkit';
    interfaces.push({
      name: link.name,
      ifindex: link.ifindex,
      kind: observedKindSchema.parse(link.kind),
      link,
      addresses: addresses
        .filter((address) => address.ifindex === link.ifindex && !isLinkLocal(address))
        .map(({ address }) => address),
      hostEnd: other !== null && isPair ? await toHostEnd(host.socket, other) : null,
      parent: other !== null && !isPair ? { name: other.name, ifindex: other.ifindex } : null,
    });
  }
  // Those that lead to the node come first.
  interfaces.sort((a, b) => Number(isConnected(b)) - Number(isConnected(a)) || a.ifindex - b.ifindex);
  return {
    namespaceId: interfaces.some(isConnected)
      ? await assignNamespaceId(host.socket, namespace.fd)
      : await getNamespaceId(host.socket, namespace.fd),
    interfaces,
  };
}

const isConnected = ({ hostEnd, parent }: Pick<ObservedInterface, 'hostEnd' | 'parent'>): boolean =>
  hostEnd !== null || parent !== null;

/** Tells whether an interface leads out of its namespace. A single netkit device has no other end. */
export const leadsOut = ({ kind, netkit, peerIfindex, peerNamespaceId }: NetworkLink): boolean =>
  observedKindSchema.safeParse(kind).success &&
  (netkit?.pairing === 'single' || (peerIfindex !== null && peerNamespaceId !== null));

const isLinkLocal = ({ address, scope }: InterfaceAddress): boolean =>
  scope === 'link' || /^fe[89ab]/i.test(address);

async function toHostEnd(host: NetlinkSocket, link: NetworkLink): Promise<HostEnd> {
  const master = link.master === null ? null : await getLink(host, { ifindex: link.master });
  return {
    name: link.name,
    ifindex: link.ifindex,
    // A VRF or bond is a master too.
    bridge: master?.kind === 'bridge' ? { name: master.name, ifindex: master.ifindex } : null,
    link,
  };
}

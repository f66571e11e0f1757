import { listAddresses } from '../../netlink/address.ts';
import { listConntrackEntries, listExpectationMasters } from '../../netlink/conntrack.ts';
import { conntrackStatus, cta } from '../../netlink/conntrack-attributes.ts';
import type { ConntrackEntry } from '../../netlink/conntrack-entry.ts';
import { formatConntrackTuple } from '../../netlink/conntrack-tuple.ts';
import { parseIpPrefix } from '../../netlink/ip-address.ts';
import { isNetlinkError } from '../../netlink/netlink-error.ts';
import { NetlinkSocket } from '../../netlink/socket.ts';

/** Default of the parameter `limit`: maximum number of connections that are listed; a migration passes a lower one. */
const maxMasqueradedConnections = 65_536;

/**
 * Namespace whose connection table is read: `host` masquerades connections to the pod, `pod` masquerades connections
 * from networks behind the pod as the pod's own address.
 */
export type MasqueradeSide = 'host' | 'pod';

/** Connections that the kernel ends, unless they are re-created, once their packets use another device. */
export interface MasqueradedConnections {
  /** Connections whose addresses or ports are translated: their packets must not be tracked without their entry. */
  translated: ConntrackEntry[];
  /**
   * Connections that already have the source which `masquerade` would give them, such as the pod's own. Without their
   * entry their packets begin an equal one; with it the kernel drops the packet that ends it.
   */
  untranslated: ConntrackEntry[];
  /** Number of connections beyond the limit, which are not in the lists. */
  remaining: number;
  /** What re-creating the connections does not preserve, each as the number of connections that have it. */
  losses: {
    /** Connections with a helper that expects further ones: these expectations are deleted. */
    expectations: number;
    /** Connections in a flow table, whose entries the kernel does not delete. */
    offloaded: number;
    /** Connections with a security context (SECMARK), which cannot be set. */
    securityContexts: number;
  };
  /** Why the table cannot be read, for a kernel without ctnetlink: the kernel's answer; null if it was read. */
  unreadable: string | null;
}

/**
 * Lists the connections that `masquerade` may have bound to the pod's device. The kernel does not report which rule
 * translated a source, so that those of `snat` are listed as well; re-creating them changes nothing.
 * @param addresses the pod's, with or without prefix length
 * @throws NetlinkError
 */
export async function listMasqueradedConnections(
  namespaceFd: number,
  addresses: readonly string[],
  side: MasqueradeSide,
  limit = maxMasqueradedConnections,
): Promise<MasqueradedConnections> {
  try {
    const local = side === 'host' ? await listLocalAddresses(namespaceFd) : null;
    using socket = NetlinkSocket.inNamespace(namespaceFd, 'netfilter');
    const { entries, remaining } = await listConntrackEntries(socket, {
      status: conntrackStatus.sourceNatDone,
      reply: {
        field: side === 'host' ? 'source' : 'destination',
        addresses: addresses.map((address) => parseIpPrefix(address).address),
      },
      // A masqueraded source is an address of the namespace; in the pod's it is the pod's own.
      matches: ({ status, reply }) =>
        (status & conntrackStatus.sourceNat) !== 0 || local === null || local.has(reply.destination),
      limit,
    });
    const isTranslated = ({ status }: ConntrackEntry): boolean =>
      (status & (conntrackStatus.sourceNat | conntrackStatus.destinationNat)) !== 0;
    return {
      translated: entries.filter(isTranslated),
      untranslated: entries.filter((entry) => !isTranslated(entry)),
      remaining,
      losses: await countLosses(socket, entries),
      unreadable: null,
    };
  } catch (error) {
    // EPROTONOSUPPORT: no nfnetlink; EINVAL: no ctnetlink in it.
    if (!isNetlinkError(error, 'EPROTONOSUPPORT', 'EINVAL')) throw error;
    const losses = { expectations: 0, offloaded: 0, securityContexts: 0 };
    return { translated: [], untranslated: [], remaining: 0, losses, unreadable: error.message };
  }
}

async function listLocalAddresses(namespaceFd: number): Promise<ReadonlySet<string>> {
  using socket = NetlinkSocket.inNamespace(namespaceFd);
  return new Set((await listAddresses(socket)).map(({ address }) => parseIpPrefix(address).address));
}

async function countLosses(
  socket: NetlinkSocket,
  entries: readonly ConntrackEntry[],
): Promise<MasqueradedConnections['losses']> {
  const masters = entries.some(({ helper }) => helper !== null)
    ? new Set((await listExpectationMasters(socket)).map(formatConntrackTuple))
    : new Set<string>();
  const count = (has: (entry: ConntrackEntry) => boolean): number => entries.filter(has).length;
  return {
    expectations: count(({ original }) => masters.has(formatConntrackTuple(original))),
    offloaded: count(({ status }) => (status & conntrackStatus.offload) !== 0),
    securityContexts: count(({ attributes }) => attributes.has(cta.securityContext)),
  };
}

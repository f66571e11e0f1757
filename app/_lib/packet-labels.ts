import { formatAddressOwner } from '../../contract/kubernetes.ts';
import type { PacketEndpoint, PacketHeaders, PodReference } from '../../contract/verdict.ts';

/** Formats a pod's namespace and name: `shop.cart`. */
export const formatPodName = ({ namespace, name }: Pick<PodReference, 'namespace' | 'name'>): string =>
  `${namespace}.${name}`;

/**
 * Formats a packet's source or destination: `10.42.0.33:8080` or `[fd00::1]:53`, or only the address if there is no
 * port.
 */
export function formatPacketEndpoint({ address, port }: Pick<PacketEndpoint, 'address' | 'port'>): string {
  if (port === null) return address;
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/**
 * Returns who has the address of a packet's end: `shop.cart` of this node, `service shop/cart` or `pod shop/cart` of the
 * cluster; null if nobody knows.
 */
export const formatEndpointOwner = ({ pod, cluster }: PacketEndpoint): string | null =>
  pod !== null ? formatPodName(pod) : cluster === undefined ? null : formatAddressOwner(cluster);

/** Formats the ends of a packet: `10.42.0.33:8080 → 10.42.0.2:53`; the ethertype of a frame that is not IP. */
export const formatPacketFlow = (
  {
    family,
    ethertype,
    source,
    destination,
  }: Pick<PacketHeaders, 'family' | 'ethertype' | 'source' | 'destination'>,
  format: (end: PacketEndpoint) => string = formatPacketEndpoint,
): string => (family === null ? ethertype : `${format(source)} → ${format(destination)}`);

/** Formats a packet's protocol with TCP flags, or ICMP type and code: `tcp S.`, `icmp 8/0`, `udp`. */
export function formatPacketProtocol({
  protocolName,
  tcpFlags,
  icmp,
}: Pick<PacketHeaders, 'protocolName' | 'tcpFlags' | 'icmp'>): string {
  if (icmp !== null) return `${protocolName} ${icmpWords(protocolName, icmp)}`;
  return tcpFlags === null ? protocolName : `${protocolName} ${tcpFlags}`;
}

const icmpTypes: Readonly<Record<string, string>> = {
  'icmp 0': 'echo reply',
  'icmp 3': 'unreachable',
  'icmp 8': 'echo',
  'icmp 11': 'time exceeded',
  'icmpv6 1': 'unreachable',
  'icmpv6 2': 'too big',
  'icmpv6 3': 'time exceeded',
  'icmpv6 128': 'echo',
  'icmpv6 129': 'echo reply',
};

const icmpWords = (protocol: string, { type, code }: { type: number; code: number }): string =>
  icmpTypes[`${protocol} ${type}`] ?? `${type}/${code}`;

/** Formats a time of day with milliseconds: `14:06:32.081`. */
export function formatClockTimeWithMilliseconds(time: string): string {
  const date = new Date(time);
  return `${date.toLocaleTimeString('en-GB', { hour12: false })}.${String(date.getMilliseconds()).padStart(3, '0')}`;
}

/** Returns the URL of the policy lookup for a packet. */
export function buildPolicyLookupHref(
  { source, destination, protocol, protocolName, icmp }: PacketHeaders,
  set: 'active' | 'staged',
): string {
  const query = new URLSearchParams({ source: source.address, destination: destination.address });
  const isIcmp = protocolName === 'icmp' || protocolName === 'icmpv6';
  query.set(
    'protocol',
    isIcmp ? 'icmp' : ['tcp', 'udp', 'sctp'].includes(protocolName) ? protocolName : String(protocol),
  );
  if (destination.port !== null) query.set('port', String(destination.port));
  if (icmp !== null) {
    query.set('type', String(icmp.type));
    query.set('code', String(icmp.code));
  }
  if (set === 'staged') query.set('set', 'staged');
  return `/rules/explain?${query}`;
}

/** Returns the URL of the trace form, filled in to trace a packet's flow between a pod and its peer. */
export function buildNewTraceHref(
  pod: PodReference,
  { source, destination, protocolName }: PacketHeaders,
): string {
  const peer = source.pod?.id === pod.id ? destination : source;
  const query = new URLSearchParams({ pod: formatPodName(pod), address: peer.address });
  if (destination.port !== null) query.set('port', String(destination.port));
  const protocol = protocolName === 'icmpv6' ? 'icmp' : protocolName;
  if (['tcp', 'udp', 'sctp', 'icmp'].includes(protocol)) query.set('protocol', protocol);
  return `/trace?${query}`;
}

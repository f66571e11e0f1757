import { formatIpAddress, parseAddress } from '../../contract/cidr.ts';
import type { ClusterAddressOwner } from '../../contract/kubernetes.ts';
import type { PathService } from '../../contract/pod-path.ts';
import { listConntrackEntries } from '../netlink/conntrack.ts';
import type { ConntrackEntry } from '../netlink/conntrack-entry.ts';
import { NetlinkSocket } from '../netlink/socket.ts';

/** Most connections of a pod that are looked at. */
const maxConnections = 10_000;
/** Most services, and backends of each, that are listed. */
const maxServices = 20;
const maxBackends = 10;

const protocolNames: Record<number, string> = { 6: 'tcp', 17: 'udp', 132: 'sctp' };

/**
 * Lists the services that connections from some addresses lead to, by the kernel's conntrack: the address that the pod sends
 * to is a service's, and the one that answers is that of a backend. Empty where the host tracks no connections.
 * @param addresses of a pod, with or without prefix lengths
 */
export async function listServicesInUse(
  addresses: readonly string[],
  ownerOf: (address: string) => ClusterAddressOwner | null,
): Promise<PathService[]> {
  const own = new Set(addresses.map((text) => formatIpAddress(parseAddress(text.replace(/\/.*/, '')))));
  let entries: ConntrackEntry[];
  try {
    using socket = NetlinkSocket.open('netfilter');
    ({ entries } = await listConntrackEntries(socket, {
      limit: maxConnections,
      matches: ({ original, reply }) => own.has(original.source) && original.destination !== reply.source,
    }));
  } catch {
    return []; // no ctnetlink
  }
  const services = new Map<string, PathService>();
  for (const { original, reply } of entries) {
    const owner = ownerOf(original.destination);
    if (owner?.kind !== 'service') continue;
    const port = original.ports?.destination ?? null;
    const protocol = protocolNames[original.protocol] ?? String(original.protocol);
    const key = `${original.destination} ${protocol} ${port}`;
    const { namespace, name } = owner;
    const service: PathService = services.get(key) ?? {
      namespace,
      name,
      address: original.destination,
      port,
      protocol,
      connections: 0,
      backends: [],
    };
    services.set(key, service);
    service.connections += 1;
    addBackend(service, reply.source, reply.ports?.source ?? null, ownerOf);
  }
  const sorted = [...services.values()].sort((a, b) => b.connections - a.connections).slice(0, maxServices);
  return sorted.map((service) => ({
    ...service,
    backends: service.backends.sort((a, b) => b.connections - a.connections).slice(0, maxBackends),
  }));
}

function addBackend(
  { backends }: PathService,
  address: string,
  port: number | null,
  ownerOf: (address: string) => ClusterAddressOwner | null,
): void {
  const known = backends.find((backend) => backend.address === address && backend.port === port);
  if (known) {
    known.connections += 1;
    return;
  }
  const owner = ownerOf(address);
  const pod = owner?.kind === 'pod' ? `${owner.namespace}/${owner.name}` : null;
  backends.push({ address, port, pod, connections: 1 });
}

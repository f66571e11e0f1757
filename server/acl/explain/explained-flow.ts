import { formatIpAddress, type IpAddress, parseAddress } from '../../../contract/cidr.ts';
import { ProblemError } from '../../../contract/problem.ts';
import type { ExplainRequest } from '../../../contract/rules.ts';
import type { SelectablePod } from '../spec/pod-matching.ts';
import { ipProtocolNumbers } from '../spec/policy-packet.ts';

/** Addresses, protocol and port of the first packet of a connection. */
export interface ExplainedFlow {
  source: IpAddress;
  destination: IpAddress;
  /** IP protocol number of the flow. */
  protocol: number;
  /** Destination port of the flow; `type << 8 | code` for ICMP. */
  port: number;
}

/**
 * Resolves the ends of a flow to addresses. A pod is represented by its first address of the family that both ends have.
 * @param find returns a pod by id or `namespace.name`
 * @throws ProblemError `unprocessable` for an end that is neither an address nor a pod, or ends without a common family
 */
export function resolveExplainedFlow(
  request: ExplainRequest,
  find: (pod: string) => SelectablePod | undefined,
): ExplainedFlow {
  const { source, destination, protocol, port, icmp } = request;
  const sources = addressesOf(source, find);
  const destinations = addressesOf(destination, find);
  const ofFamily = (addresses: readonly IpAddress[], family: 4 | 6) =>
    addresses.find((address) => address.family === family);
  for (const family of [4, 6] as const) {
    const [from, to] = [ofFamily(sources, family), ofFamily(destinations, family)];
    if (!from || !to) continue;
    const numbers = {
      ...ipProtocolNumbers,
      icmp: family === 4 ? ipProtocolNumbers.icmp : ipProtocolNumbers.icmpv6,
    };
    return {
      source: from,
      destination: to,
      protocol: typeof protocol === 'number' ? protocol : numbers[protocol],
      port: icmp ? (icmp.type << 8) | icmp.code : (port ?? 0),
    };
  }
  throw new ProblemError(
    'unprocessable',
    `explain a packet from ${source} to ${destination}: the ends have no common address family`,
    { hint: 'Use two addresses or pods of one family.' },
  );
}

function addressesOf(end: string, find: (pod: string) => SelectablePod | undefined): IpAddress[] {
  const pod = find(end);
  if (pod) return pod.addresses.map((address) => parseAddress(address.replace(/\/.*/, '')));
  try {
    return [parseAddress(end)];
  } catch {
    throw new ProblemError(
      'unprocessable',
      `explain a packet: ${JSON.stringify(end)} is neither an address nor a pod of this node`,
      { hint: 'Use an address without a prefix length, or a pod as namespace.name.' },
    );
  }
}

/** Formats a flow for the API; `port` is null for protocols without ports. */
export const formatExplainedFlow = ({ source, destination, protocol, port }: ExplainedFlow) => ({
  source: formatIpAddress(source),
  destination: formatIpAddress(destination),
  protocol,
  port: ([ipProtocolNumbers.tcp, ipProtocolNumbers.udp, ipProtocolNumbers.sctp] as number[]).includes(
    protocol,
  )
    ? port
    : null,
});

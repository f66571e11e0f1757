import { formatIpAddress, parseAddress } from '../../../contract/cidr.ts';
import type { FlowTranslation } from '../../../contract/rules.ts';
import { listConntrackEntries } from '../../netlink/conntrack.ts';
import type { ConntrackEntry } from '../../netlink/conntrack-entry.ts';
import type { ConntrackTuple } from '../../netlink/conntrack-tuple.ts';
import { NetlinkSocket } from '../../netlink/socket.ts';
import type { ExplainedFlow } from './explained-flow.ts';

/** Most connections of one flow that are looked at. */
const maxConnections = 10_000;

/**
 * Finds what the host's NAT does to a flow, by the connections that the kernel's conntrack has with its ends, as either
 * end sees them. What NAT would do to a connection that does not exist, nobody knows. Returns null where the host tracks
 * no connections.
 */
export async function findFlowTranslation(flow: ExplainedFlow): Promise<FlowTranslation | null> {
  using socket = NetlinkSocket.open('netfilter');
  const matches = createFlowMatcher(flow);
  let tracked = false;
  try {
    const { entries } = await listConntrackEntries(socket, {
      limit: maxConnections,
      matches: (entry) => {
        tracked = true;
        return matches(entry);
      },
    });
    return tracked ? summarize(entries) : null;
  } catch {
    return null; // no ctnetlink
  }
}

/** Returns a test of entries: by the ends that the initiator sees, or those that the other end sees. */
function createFlowMatcher({
  source,
  destination,
  protocol,
  port,
}: ExplainedFlow): (entry: ConntrackEntry) => boolean {
  const from = formatIpAddress(source);
  const to = formatIpAddress(destination);
  const hasPort = ({ ports, icmp }: ConntrackTuple, end: 'source' | 'destination'): boolean => {
    if (icmp) return end === 'source' || (icmp.type << 8) + icmp.code === port;
    return ports === null || ports[end] === port;
  };
  return ({ original, reply }) => {
    if (original.protocol !== protocol) return false;
    if (original.source === from && original.destination === to && hasPort(original, 'destination'))
      return true;
    return reply.destination === from && reply.source === to && hasPort(reply, 'source');
  };
}

/** Counts connections by their real ends; the ends of the most are those that are explained. */
function summarize(entries: readonly ConntrackEntry[]): FlowTranslation {
  const byEnds = new Map<string, { ends: FlowTranslation['real']; connections: number }>();
  for (const entry of entries) {
    const ends = readRealEnds(entry);
    const key = JSON.stringify(ends);
    const { connections } = byEnds.get(key) ?? { connections: 0 };
    byEnds.set(key, { ends, connections: connections + 1 });
  }
  const [most] = [...byEnds.values()].sort((a, b) => b.connections - a.connections);
  const connections = most?.connections ?? 0;
  return { connections, real: most?.ends ?? null, others: entries.length - connections };
}

/** Returns who really talks to whom; null where nothing is translated. */
function readRealEnds({ original, reply }: ConntrackEntry): FlowTranslation['real'] {
  const port = reply.ports?.source ?? null;
  const isTranslated =
    original.source !== reply.destination ||
    original.destination !== reply.source ||
    (original.ports?.destination ?? null) !== port ||
    (original.ports?.source ?? null) !== (reply.ports?.destination ?? null);
  return isTranslated ? { source: original.source, destination: reply.source, port } : null;
}

/** Returns the flow as rules see it. */
export function translateFlow(flow: ExplainedFlow, translation: FlowTranslation | null): ExplainedFlow {
  if (!translation?.real) return flow;
  const { source, destination, port } = translation.real;
  return {
    ...flow,
    source: parseAddress(source),
    destination: parseAddress(destination),
    port: port ?? flow.port,
  };
}

import { requireValue } from '../../contract/require-value.ts';
import type { TraceEdge, TraceNode, TracePacket, TracePoint } from '../../contract/trace.ts';

const nameOf = (pod: TracePoint['pod']): string => (pod ? `${pod.namespace}/${pod.name}` : 'unknown pod');
const direction = { 'from-pod': 'egress', 'to-pod': 'ingress' } as const;

function nodeOf({ where, pod, device, reason }: TracePoint): TraceNode {
  if (where === 'kernel') {
    const place = pod ? nameOf(pod) : 'host';
    return { id: `kernel ${place} ${reason}`, where, pod, label: `${reason} in ${place}` };
  }
  const label = `${nameOf(pod)} ${device?.hook ?? direction[where]}`;
  return { id: `${where} ${pod?.id ?? ''} ${device?.hook ?? ''}`, where, pod, label };
}

/** Returns the final node of a packet's path; null if the path ends at its last observation point. */
function endOf({ outcome, points, destination }: TracePacket): TraceNode | null {
  const last = requireValue(points.at(-1), 'last point');
  switch (outcome) {
    case 'delivered':
      return {
        id: `delivered ${last.pod?.id ?? ''}`,
        where: outcome,
        pod: last.pod,
        label: nameOf(last.pod),
      };
    case 'dropped': {
      const label = last.rule === null ? `dropped: ${last.reason}` : `dropped by ${last.rule}`;
      return { id: `${label} ${last.pod?.id ?? ''}`, where: outcome, pod: last.pod, label };
    }
    case 'left':
      return { id: 'left', where: outcome, pod: null, label: 'left the node’s pods' };
    case 'unknown':
      return { id: 'unknown', where: outcome, pod: destination.pod, label: 'not observed again' };
    case 'lost':
      return null;
  }
}

const outside: TraceNode = { id: 'outside', where: 'outside', pod: null, label: 'host or external' };

function edgeBy(from: TracePoint | null, to: TraceNode): TraceEdge['by'] {
  if (from?.where !== 'from-pod' || to.where === 'kernel' || to.where === 'dropped') return null;
  if (to.where === 'from-pod') return null;
  return from.verdict === 'redirected' ? 'redirect' : 'stack';
}

/** Builds a graph from the paths of the packets; each edge counts packets. */
export function buildTraceGraph(packets: Iterable<TracePacket>): { nodes: TraceNode[]; edges: TraceEdge[] } {
  const nodes = new Map<string, TraceNode>();
  const edges = new Map<string, TraceEdge>();
  for (const packet of packets) {
    let before: { node: TraceNode; point: TracePoint | null } | null =
      packet.points[0]?.where === 'to-pod' ? { node: outside, point: null } : null;
    const visit = (node: TraceNode, point: TracePoint | null): void => {
      if (before) {
        nodes.set(before.node.id, before.node);
        const by = edgeBy(before.point, node);
        const key = JSON.stringify([before.node.id, node.id, by]);
        const known = edges.get(key) ?? { from: before.node.id, to: node.id, by, packets: 0 };
        edges.set(key, { ...known, packets: known.packets + 1 });
      }
      nodes.set(node.id, node);
      before = { node, point };
    };
    for (const point of packet.points) visit(nodeOf(point), point);
    const end = endOf(packet);
    if (end) visit(end, null);
  }
  return { nodes: [...nodes.values()], edges: [...edges.values()] };
}

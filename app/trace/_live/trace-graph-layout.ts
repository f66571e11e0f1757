import type { TraceEdge, TraceNode } from '../../../contract/trace.ts';

export interface PlacedTraceNode extends TraceNode {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface PlacedTraceEdge extends TraceEdge {
  key: string;
  path: string;
  /** Position of an edge's label in the diagram of traced paths. */
  at: { x: number; y: number };
  /** Width of the edge's line in px, which grows with the logarithm of its packets. */
  stroke: number;
  lost: boolean;
}

export const traceNodeHeight = 40;
const rowGap = 16;
const shortestGap = 72;
const widest = 260;

/** Returns true for nodes at which packets were dropped, by Podlane's programs or by the kernel. */
export const isPacketLossNode = (where: TraceNode['where']): boolean =>
  where === 'dropped' || where === 'kernel';

/**
 * Returns the layer of each node: the length of the longest path that leads to the node. Edges that close a cycle are
 * ignored.
 */
export function assignLongestPathLayers(
  nodes: readonly TraceNode[],
  edges: readonly TraceEdge[],
): Map<string, number> {
  const layers = new Map(nodes.map(({ id }) => [id, 0]));
  // Bounds the rounds by the number of nodes, so that cycles end.
  for (let round = 0; round < nodes.length; round++) {
    let moved = false;
    for (const { from, to } of edges) {
      const next = (layers.get(from) ?? 0) + 1;
      if (from === to || next <= (layers.get(to) ?? 0) || next >= nodes.length) continue;
      layers.set(to, next);
      moved = true;
    }
    if (!moved) break;
  }
  return layers;
}

/**
 * Places the nodes of traced paths in columns from left to right, the busiest on top, and computes the edges between
 * them.
 * @param width width of the drawing in px
 */
export function layoutTraceGraph(
  nodes: readonly TraceNode[],
  edges: readonly TraceEdge[],
  width: number,
): { places: PlacedTraceNode[]; lines: PlacedTraceEdge[]; width: number; height: number } {
  const layers = assignLongestPathLayers(nodes, edges);
  const packets = new Map<string, number>();
  for (const { from, to, packets: n } of edges)
    for (const id of [from, to]) packets.set(id, Math.max(packets.get(id) ?? 0, n));
  const columns = Map.groupBy(nodes, ({ id }) => layers.get(id) ?? 0);
  const used = [...columns].sort(([a], [b]) => a - b).map(([, column]) => column);
  const count = Math.max(1, used.length);
  const boxWidth = Math.max(140, Math.min(widest, Math.floor((width - (count - 1) * shortestGap) / count)));
  const gap = count === 1 ? 0 : Math.max(shortestGap, Math.floor((width - count * boxWidth) / (count - 1)));
  const step = boxWidth + Math.min(gap, 220);
  const places = used.flatMap((column, index) =>
    [...column]
      .sort((a, b) => (packets.get(b.id) ?? 0) - (packets.get(a.id) ?? 0))
      .map((node, row) => ({
        ...node,
        x: index * step,
        y: row * (traceNodeHeight + rowGap),
        width: boxWidth,
        height: traceNodeHeight,
      })),
  );
  const byId = new Map(places.map((place) => [place.id, place]));
  const lines = edges.flatMap((edge): PlacedTraceEdge[] => {
    const [from, to] = [byId.get(edge.from), byId.get(edge.to)];
    return from === undefined || to === undefined ? [] : [placeEdge(edge, from, to)];
  });
  const rows = Math.max(1, ...used.map((column) => column.length));
  return {
    places,
    lines,
    width: (count - 1) * step + boxWidth,
    height: rows * (traceNodeHeight + rowGap) - rowGap,
  };
}

/** Position of an edge's label along its curve, where edges from one node have diverged. */
const labelAt = 0.68;

function onCurve(
  start: { x: number; y: number },
  end: { x: number; y: number },
  bend: number,
  shift: number,
): { x: number; y: number } {
  const [t, u] = [labelAt, 1 - labelAt];
  const bezier = (a: number, b: number, c: number, d: number) =>
    u ** 3 * a + 3 * u * u * t * b + 3 * u * t * t * c + t ** 3 * d;
  return {
    x: bezier(start.x, start.x + bend, end.x - bend, end.x),
    y: bezier(start.y, start.y, end.y, end.y) + shift,
  };
}

function placeEdge(edge: TraceEdge, from: PlacedTraceNode, to: PlacedTraceNode): PlacedTraceEdge {
  const start = { x: from.x + from.width, y: from.y + from.height / 2 };
  const end = { x: to.x, y: to.y + to.height / 2 };
  const bend = Math.max(24, (end.x - start.x) / 2);
  // Between the same nodes, redirected packets run above those through the host stack.
  const shift = edge.by === 'stack' ? 6 : edge.by === 'redirect' ? -6 : 0;
  return {
    ...edge,
    key: `${edge.from} ${edge.to} ${edge.by}`,
    path: `M${start.x} ${start.y + shift}C${start.x + bend} ${start.y + shift} ${end.x - bend} ${end.y + shift} ${end.x} ${end.y + shift}`,
    at: onCurve(start, end, bend, shift),
    stroke: Math.min(6, 1.5 + Math.log10(Math.max(1, edge.packets)) * 1.5),
    lost: isPacketLossNode(to.where),
  };
}

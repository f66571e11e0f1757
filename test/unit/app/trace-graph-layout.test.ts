import { expect, test } from 'vitest';
import { assignLongestPathLayers, layoutTraceGraph } from '../../../app/trace/_live/trace-graph-layout.ts';
import type { TraceEdge, TraceNode } from '../../../contract/trace.ts';

const node = (id: string, where: TraceNode['where'] = 'from-pod'): TraceNode => ({
  id,
  where,
  pod: null,
  label: id,
});
const edge = (from: string, to: string, packets = 1, by: TraceEdge['by'] = null): TraceEdge => ({
  from,
  to,
  by,
  packets,
});

test('a node stands right of all nodes that lead to it', () => {
  const nodes = ['a', 'b', 'c', 'd'].map((id) => node(id));
  const layers = assignLongestPathLayers(nodes, [
    edge('a', 'b'),
    edge('b', 'c'),
    edge('a', 'c'),
    edge('c', 'd'),
  ]);
  expect([...layers]).toEqual([
    ['a', 0],
    ['b', 1],
    ['c', 2],
    ['d', 3],
  ]);
});

test('edges that close a cycle do not loop forever', () => {
  const nodes = [node('a'), node('b')];
  expect(assignLongestPathLayers(nodes, [edge('a', 'b'), edge('b', 'a'), edge('a', 'a')]).size).toBe(2);
});

test('the busiest node of a column is on top, and no nodes overlap', () => {
  const nodes = [node('a'), node('few', 'dropped'), node('many', 'to-pod')];
  const { places, lines, width } = layoutTraceGraph(
    nodes,
    [edge('a', 'few', 2), edge('a', 'many', 500, 'redirect')],
    1000,
  );
  expect(places.map(({ id, y }) => [id, y])).toEqual([
    ['a', 0],
    ['many', 0],
    ['few', 56],
  ]);
  expect(width).toBeLessThanOrEqual(1000);
  expect(lines.map(({ lost }) => lost)).toEqual([true, false]);
  expect(lines[1]!.stroke).toBeGreaterThan(lines[0]!.stroke);
});

test('a trace without packets has an empty layout', () => {
  expect(layoutTraceGraph([], [], 800)).toMatchObject({ places: [], lines: [] });
});

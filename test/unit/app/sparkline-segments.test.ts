import { expect, test } from 'vitest';
import { buildSparklineSegments } from '../../../app/_components/sparkline-segments.ts';

const { NaN: none } = Number;

test('a sparkline runs from the lowest value at the bottom to the highest at the top', () => {
  expect(buildSparklineSegments([0, 50, 100], undefined, 100, 20)).toEqual([
    { kind: null, path: 'M0 17L50 10L100 3', end: { x: 100, y: 3 } },
  ]);
});

test('a missing sample splits it, and nothing is drawn in between', () => {
  const traces = buildSparklineSegments([1, 2, none, 1, none], undefined, 100, 20);
  expect(traces.map(({ path }) => path)).toEqual(['M0 17L25 3', 'M75 17']);
  expect(traces.at(-1)?.end).toBeNull();
});

test('a migration changes the color at its sample, without a gap', () => {
  const traces = buildSparklineSegments([1, 1, 1], [0, 0, 1], 100, 20);
  expect(traces.map(({ kind }) => kind)).toEqual(['netkit', 'veth']);
  expect(traces[1]?.path.startsWith('M50 ')).toBe(true);
});

test('an idle pod has a line at the bottom, a steady one in the middle', () => {
  expect(buildSparklineSegments([0, 0], undefined, 10, 20)[0]?.path).toBe('M0 17L10 17');
  expect(buildSparklineSegments([500, 500], undefined, 10, 20)[0]?.path).toBe('M0 10L10 10');
});

test('no values draw nothing', () => {
  expect(buildSparklineSegments([none, none], undefined, 10, 20)).toEqual([]);
});

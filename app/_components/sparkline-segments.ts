export interface SparklineSegment {
  kind: 'netkit' | 'veth' | null;
  path: string;
  /** End point of the segment; null if the segment does not reach the last value. */
  end: { x: number; y: number } | null;
}

/**
 * Splits the values of a sparkline into gapless segments of one device kind. Two segments of different kinds share the
 * value at which they meet.
 */
export function buildSparklineSegments(
  values: ArrayLike<number>,
  kinds: ArrayLike<number> | undefined,
  width: number,
  height: number,
): SparklineSegment[] {
  const n = values.length;
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < n; i++) {
    const value = values[i] ?? Number.NaN;
    if (Number.isNaN(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const inset = 3;
  // Keeps a steady rate straight: variation under 2 % is not scaled up to the full height.
  const range = Math.max(high - low, high * 0.02, 1e-9);
  const middle = (high + low) / 2;
  const x = (i: number) => round((i / Math.max(1, n - 1)) * width);
  const y = (value: number) =>
    high <= 0 ? height - inset : round(height / 2 - ((value - middle) / range) * (height - 2 * inset));
  const traces: SparklineSegment[] = [];
  let open: SparklineSegment | null = null;
  for (let i = 0; i < n; i++) {
    const value = values[i] ?? Number.NaN;
    if (Number.isNaN(value)) {
      open = null;
      continue;
    }
    const point = { x: x(i), y: y(value) };
    const kind = kinds === undefined ? null : kinds[i] === 1 ? 'veth' : 'netkit';
    if (open === null || open.kind !== kind) {
      const from: string = open === null ? '' : `${open.path.slice(open.path.search(/[^ML]*$/))}L`;
      open = { kind, path: `M${from}${point.x} ${point.y}`, end: null };
      traces.push(open);
    } else {
      open.path += `L${point.x} ${point.y}`;
    }
    if (i === n - 1) open.end = point;
  }
  return traces;
}

const round = (value: number): number => Math.round(value * 10) / 10;

import { deviceKindColorClass } from './device-kind.tsx';
import { buildSparklineSegments } from './sparkline-segments.ts';

interface SparklineProps {
  /** Values of the line, oldest first; NaN is a gap. */
  values: ArrayLike<number>;
  /** Device kind that carried each value, which sets the line's color: 0 netkit, 1 veth. */
  kinds?: ArrayLike<number>;
  width: number;
  height: number;
  tone?: 'muted' | 'signal';
}

/**
 * Draws a line of the last values on a scale from their minimum to their maximum. The line is decorative: the numbers
 * are shown beside it.
 */
export function Sparkline({ values, kinds, width, height, tone = 'muted' }: SparklineProps) {
  const traces = buildSparklineSegments(values, kinds, width - 4, height);
  const last = traces.at(-1);
  return (
    <svg
      width={width}
      height={height}
      viewBox={`0 0 ${width} ${height}`}
      aria-hidden="true"
      className="overflow-visible"
    >
      {traces.map(({ kind, path }) => (
        <path
          key={path}
          d={path}
          fill="none"
          strokeWidth="1.25"
          strokeLinejoin="round"
          className={kind === null ? toneStroke[tone] : `${deviceKindColorClass(kind)} stroke-kind`}
        />
      ))}
      {last?.end && (
        <circle
          cx={last.end.x}
          cy={last.end.y}
          r="1.75"
          className={last.kind === null ? toneFill[tone] : `${deviceKindColorClass(last.kind)} fill-kind`}
        />
      )}
    </svg>
  );
}

const toneStroke = { muted: 'stroke-muted', signal: 'stroke-signal' } as const;
const toneFill = { muted: 'fill-ink-1', signal: 'fill-signal' } as const;

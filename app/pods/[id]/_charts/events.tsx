import type { DeviceKind } from '../../../../contract/device.ts';
import { KindGlyph } from '../../../_components/kind.tsx';
import css from './chart.module.css';
import { plot, type Window, xOf } from './window.ts';

/** The moment a pod went over from one kind to the other. */
export interface KindEvent {
  id: string;
  time: number;
  from: DeviceKind;
  to: DeviceKind;
}

const flag = { width: 42, height: 14 };

/** Where the flag of a pole at `x` hangs: to its right, or to its left near the right edge. */
const flagAt = (x: number, width: number): number => (x + flag.width > width ? x - flag.width : x + 1);

/** Flags that do not cover each other, the newest first in line. */
export function flagsOf(poles: readonly number[], width: number): (number | null)[] {
  const taken: number[] = [];
  return poles
    .toReversed()
    .map((x) => {
      const left = flagAt(x, width);
      if (taken.some((other) => Math.abs(other - left) < flag.width)) return null;
      taken.push(left);
      return left;
    })
    .toReversed();
}

/** A dashed line for each migration, with a flag of two glyphs. */
export function Events({ events, window, width }: { events: KindEvent[]; window: Window; width: number }) {
  const shown = events
    .filter(({ time }) => time >= window.from && time <= window.to)
    .sort((a, b) => a.time - b.time)
    .map((event) => ({ ...event, x: Math.round(xOf(window, event.time, width)) - 0.5 }));
  const flags = flagsOf(
    shown.map(({ x }) => x),
    width,
  );
  return shown.map(({ id, from, to, x }, index) => (
    <g key={id}>
      <path className={css.event} d={`M${x} 0V${plot.height}`} />
      <Flag left={flags[index] ?? null} from={from} to={to} />
    </g>
  ));
}

function Flag({ left, from, to }: { left: number | null; from: DeviceKind; to: DeviceKind }) {
  if (left === null) return null;
  return (
    <>
      <rect className={css.flag} x={left} y={0} width={flag.width} height={flag.height} />
      <svg x={left + 3} y={2.5} width={13} height={8.7} viewBox="0 0 18 12" aria-hidden="true">
        <KindGlyph kind={from} className="" />
      </svg>
      <path d={`M${left + 19} 7h4m-1.8-2 2 2-2 2`} fill="none" stroke="var(--text-2)" strokeWidth={1.1} />
      <svg x={left + 26.5} y={2.5} width={13} height={8.7} viewBox="0 0 18 12" aria-hidden="true">
        <KindGlyph kind={to} className="" />
      </svg>
    </>
  );
}

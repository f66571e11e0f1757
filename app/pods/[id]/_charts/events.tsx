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

/** A dashed line for each migration, with a flag of two glyphs. */
export function Events({ events, window, width }: { events: KindEvent[]; window: Window; width: number }) {
  return events
    .filter(({ time }) => time >= window.from && time <= window.to)
    .map(({ id, time, from, to }) => {
      const x = Math.round(xOf(window, time, width)) - 0.5;
      // Near the right edge the flag hangs on the other side of its pole.
      const left = x + flag.width > width ? x - flag.width : x + 1;
      return (
        <g key={id}>
          <path className={css.event} d={`M${x} 0V${plot.height}`} />
          <rect className={css.flag} x={left} y={0} width={flag.width} height={flag.height} />
          <svg x={left + 3} y={2.5} width={13} height={8.7} viewBox="0 0 18 12">
            <title>{from}</title>
            <KindGlyph kind={from} className="" />
          </svg>
          <path d={`M${left + 19} 7h4m-1.8-2 2 2-2 2`} fill="none" stroke="var(--text-2)" strokeWidth={1.1} />
          <svg x={left + 26.5} y={2.5} width={13} height={8.7} viewBox="0 0 18 12">
            <title>{to}</title>
            <KindGlyph kind={to} className="" />
          </svg>
        </g>
      );
    });
}

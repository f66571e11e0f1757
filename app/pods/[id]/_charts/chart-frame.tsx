'use client';

import { Table2 } from 'lucide-react';
import { type ReactNode, useState } from 'react';
import { IconButton } from '../../../_components/button.tsx';
import { useWidth } from '../../../_lib/use-element-width.ts';
import { stop } from '../focusable-region.ts';
import css from './chart.module.css';
import { ChartTable, type Column } from './chart-table.tsx';
import { Crosshair, type Dot } from './crosshair.tsx';
import { Events } from './event-marks.tsx';
import type { KindEvent } from './event-flags.ts';
import { Graticule } from './graticule.tsx';
import type { Gap, Point } from './downsample.ts';
import { plot, timeAt, type Window, xOf } from './time-window.ts';

/** What all charts share: the window, what is missing in it, the migrations, and the crosshair. */
export interface Shared {
  window: Window;
  points: Point[];
  gaps: Gap[];
  events: KindEvent[];
  /** Time under the crosshair; null: the head shows the last values. */
  at: number | null;
  onPoint: (time: number | null) => void;
}

export interface ChartProps {
  title: string;
  unit: string;
  /** Values at the crosshair, or the last ones: the right end of the head. */
  read: ReactNode;
  legend: ReactNode;
  shared: Shared;
  /** Top of the scale; `mirrored`: the same below zero. */
  top: number;
  mirrored: boolean;
  label: (value: number) => string;
  dots: (point: Point) => Dot[];
  columns: Column[];
  children: (width: number) => ReactNode;
}

/** Head, legend, graticule, scale at the right where now is, crosshair; or the same as a table. */
export function ChartFrame(props: ChartProps) {
  const { title, unit, shared, top, mirrored, label, children } = props;
  const [asTable, setAsTable] = useState(false);
  const [ref, outer] = useWidth<HTMLDivElement>();
  const width = Math.max(0, outer - plot.scale);
  const { window, points, at, onPoint } = shared;
  return (
    <section className={css.chart} aria-label={title}>
      <div className={css.head}>
        <h3 className="font-semibold">
          {title} <span className="font-normal text-12 text-muted">{unit}</span>
        </h3>
        <span className={css.read}>{props.read}</span>
        <IconButton
          label={`Show ${title} as ${asTable ? 'a chart' : 'a table'}`}
          aria-pressed={asTable}
          className="-my-1 -mr-1.5 self-center text-muted"
          onClick={() => setAsTable(!asTable)}
        >
          <Table2 aria-hidden="true" className="size-3.5" strokeWidth={1.6} />
        </IconButton>
      </div>
      <div className={css.legend}>{props.legend}</div>
      <div ref={ref}>
        {asTable && <ChartTable title={title} points={points} columns={props.columns} />}
        {!asTable && outer > 0 && (
          // biome-ignore lint/a11y/noStaticElementInteractions: its role comes with stop()
          <div
            className={css.plot}
            {...stop(`${title}, chart. The arrow keys read it second by second.`)}
            style={{ height: plot.height + plot.axis }}
            onPointerMove={(event) => {
              const { left } = event.currentTarget.getBoundingClientRect();
              onPoint(timeAt(window, event.clientX - left, width));
            }}
            onPointerLeave={() => onPoint(null)}
            onBlur={() => onPoint(null)}
            onKeyDown={(event) => {
              const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -10, PageDown: 10 }[event.key];
              if (event.key === 'Escape') onPoint(null);
              if (step === undefined) return;
              event.preventDefault();
              const next = (at ?? window.to) + step * ((window.to - window.from) / 60);
              onPoint(Math.min(window.to, Math.max(window.from, next)));
            }}
          >
            <svg width={outer} height={plot.height + plot.axis} aria-hidden="true">
              <Graticule
                window={window}
                width={width}
                outer={outer}
                top={top}
                mirrored={mirrored}
                label={label}
                at={at}
              />
              {shared.gaps.map((gap) => (
                <path
                  key={gap.from}
                  className={css.missing}
                  d={`M${xOf(window, gap.from, width)} ${plot.height}H${xOf(window, gap.to, width)}`}
                />
              ))}
            </svg>
            {points.length === 0 ? (
              <p className="absolute inset-x-0 top-[53px] text-center text-12 text-muted" style={{ width }}>
                first sample in under 1 s
              </p>
            ) : (
              <div className={css.traces} style={{ width, height: plot.height }} aria-hidden="true">
                {children(width)}
              </div>
            )}
            <svg width={outer} height={plot.height + plot.axis} aria-hidden="true">
              <Events events={shared.events} window={window} width={width} />
              {at !== null && (
                <Crosshair
                  at={at}
                  window={window}
                  points={points}
                  width={width}
                  dots={props.dots}
                  scale={{ top, mirrored }}
                />
              )}
            </svg>
          </div>
        )}
      </div>
    </section>
  );
}

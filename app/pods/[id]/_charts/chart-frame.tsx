'use client';

import { Table2 } from 'lucide-react';
import { type ReactNode, useState } from 'react';
import { IconButton } from '../../../_components/button.tsx';
import { useElementWidth } from '../../../_lib/use-element-width.ts';
import { focusableRegion } from '../focusable-region.ts';
import css from './chart.module.css';
import type { ChartPoint } from './chart-points.ts';
import { ChartTable, type Column } from './chart-table.tsx';
import { Crosshair, type Dot } from './crosshair.tsx';
import type { Gap } from './gaps.ts';
import { Graticule } from './graticule.tsx';
import type { MigrationMark } from './migration-flags.ts';
import { MigrationMarks } from './migration-marks.tsx';
import { chartLabel, chartsText, showAsChartLabel, showAsTableLabel } from './text.ts';
import { plotSize, type TimeWindow, timeToX, xToTime } from './time-window.ts';
import { useSeen } from './use-seen.ts';

/** State that all charts share: the time window, its gaps and migrations, and the crosshair. */
export interface SharedChartState {
  window: TimeWindow;
  points: ChartPoint[];
  gaps: Gap[];
  events: MigrationMark[];
  /** Time under the crosshair, ms; null if there is none, and the head shows the last values. */
  at: number | null;
  onPoint: (time: number | null) => void;
}

export interface ChartProps {
  title: string;
  unit: string;
  /** Values at the crosshair, or the last ones, at the right end of the head. */
  read: ReactNode;
  legend: ReactNode;
  shared: SharedChartState;
  /** Top of the scale. If `mirrored`, the scale goes as far below zero. */
  top: number;
  mirrored: boolean;
  label: (value: number) => string;
  dots: (point: ChartPoint) => Dot[];
  columns: Column[];
  children: (width: number) => ReactNode;
}

/** Frame of a chart: head, legend, graticule, crosshair, and the scale on the right, where now is; or a table instead. */
export function ChartFrame(props: ChartProps) {
  const { title, unit, shared, top, mirrored, label, children } = props;
  const [asTable, setAsTable] = useState(false);
  const [ref, outer] = useElementWidth<HTMLDivElement>();
  const seen = useSeen(ref);
  const width = Math.max(0, outer - plotSize.scale);
  const { window, points, at, onPoint } = shared;
  return (
    <section className={css.chart} aria-label={title}>
      <div className={css.head}>
        <h3 className="font-semibold">
          {title} <span className="font-normal text-12 text-muted">{unit}</span>
        </h3>
        <span className={css.read}>{props.read}</span>
        <IconButton
          label={asTable ? showAsChartLabel(title) : showAsTableLabel(title)}
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
          // biome-ignore lint/a11y/noStaticElementInteractions: its role comes from focusableRegion()
          <div
            className={css.plot}
            {...focusableRegion(chartLabel(title))}
            style={{ height: plotSize.height + plotSize.axis }}
            onPointerMove={(event) => {
              const { left } = event.currentTarget.getBoundingClientRect();
              onPoint(xToTime(window, event.clientX - left, width));
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
            <svg width={outer} height={plotSize.height + plotSize.axis} aria-hidden="true">
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
                  d={`M${timeToX(window, gap.from, width)} ${plotSize.height}H${timeToX(window, gap.to, width)}`}
                />
              ))}
            </svg>
            {points.length === 0 ? (
              <p className="absolute inset-x-0 top-[53px] text-center text-12 text-muted" style={{ width }}>
                {chartsText.waiting}
              </p>
            ) : (
              <div className={css.traces} style={{ width, height: plotSize.height }} aria-hidden="true">
                {seen && children(width)}
              </div>
            )}
            <svg width={outer} height={plotSize.height + plotSize.axis} aria-hidden="true">
              <MigrationMarks events={shared.events} window={window} width={width} />
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

'use client';

import { Table2 } from 'lucide-react';
import { type ReactNode, useState } from 'react';
import { IconButton } from '../../../_components/button.tsx';
import { useElementWidth } from '../../../_lib/use-element-width.ts';
import { focusableRegionProps } from '../focusable-region.ts';
import css from './chart.module.css';
import { ChartGrid } from './chart-grid.tsx';
import { ChartTable, type ChartTableColumn } from './chart-table.tsx';
import { type ChartTimeWindow, chartPlotSize, convertTimeToX, convertXToTime } from './chart-time-window.ts';
import { ChartCrosshair, type CrosshairDot } from './crosshair.tsx';
import type { ChartPoint } from './join-rates-and-cpu.ts';
import type { MigrationMark } from './migration-flags.ts';
import { MigrationMarkLines } from './migration-marks.tsx';
import type { SampleGap } from './sample-gaps.ts';
import { chartsText, formatChartLabel, formatShowAsChartLabel, formatShowAsTableLabel } from './text.ts';
import { useHasBeenVisible } from './use-has-been-visible.ts';

/** State that all charts of a page share: time window, gaps, migrations and crosshair. */
export interface SharedChartState {
  window: ChartTimeWindow;
  points: ChartPoint[];
  gaps: SampleGap[];
  events: MigrationMark[];
  /** Time under the crosshair, ms; null while there is no crosshair, when the charts show their last values. */
  at: number | null;
  onPoint: (time: number | null) => void;
}

export interface ChartFrameProps {
  title: string;
  unit: string;
  /** Values at the crosshair, or the last values, shown at the right end of the chart's header. */
  read: ReactNode;
  legend: ReactNode;
  shared: SharedChartState;
  /** Top of the chart's scale. If `mirrored`, the scale extends equally far below zero. */
  top: number;
  mirrored: boolean;
  label: (value: number) => string;
  dots: (point: ChartPoint) => CrosshairDot[];
  columns: ChartTableColumn[];
  children: (width: number) => ReactNode;
}

/**
 * Renders the frame of a chart: header, legend, grid, crosshair and the scale on the right; or a table in place of the
 * chart.
 */
export function ChartFrame(props: ChartFrameProps) {
  const { title, unit, shared, top, mirrored, label, children } = props;
  const [asTable, setAsTable] = useState(false);
  const [ref, outer] = useElementWidth<HTMLDivElement>();
  const seen = useHasBeenVisible(ref);
  const width = Math.max(0, outer - chartPlotSize.scale);
  const { window, points, at, onPoint } = shared;
  return (
    <section className={css.chart} aria-label={title}>
      <div className={css.head}>
        <h3 className="font-semibold">
          {title} <span className="font-normal text-12 text-muted">{unit}</span>
        </h3>
        <span className={css.read}>{props.read}</span>
        <IconButton
          label={asTable ? formatShowAsChartLabel(title) : formatShowAsTableLabel(title)}
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
          // biome-ignore lint/a11y/noStaticElementInteractions: its role comes from focusableRegionProps()
          <div
            className={css.plot}
            {...focusableRegionProps(formatChartLabel(title))}
            style={{ height: chartPlotSize.height + chartPlotSize.axis }}
            onPointerMove={(event) => {
              const { left } = event.currentTarget.getBoundingClientRect();
              onPoint(convertXToTime(window, event.clientX - left, width));
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
            <svg width={outer} height={chartPlotSize.height + chartPlotSize.axis} aria-hidden="true">
              <ChartGrid
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
                  d={`M${convertTimeToX(window, gap.from, width)} ${chartPlotSize.height}H${convertTimeToX(window, gap.to, width)}`}
                />
              ))}
            </svg>
            {points.length === 0 ? (
              <p className="absolute inset-x-0 top-[53px] text-center text-12 text-muted" style={{ width }}>
                {chartsText.waiting}
              </p>
            ) : (
              <div className={css.traces} style={{ width, height: chartPlotSize.height }} aria-hidden="true">
                {seen && children(width)}
              </div>
            )}
            <svg width={outer} height={chartPlotSize.height + chartPlotSize.axis} aria-hidden="true">
              <MigrationMarkLines events={shared.events} window={window} width={width} />
              {at !== null && (
                <ChartCrosshair
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

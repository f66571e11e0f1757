'use client';

import { Pause, Play } from 'lucide-react';
import { useMemo, useState } from 'react';
import type { Migration } from '../../../../contract/migration.ts';
import type { Pod } from '../../../../contract/pod.ts';
import { IconButton } from '../../../_components/button.tsx';
import { DeviceKindLabel } from '../../../_components/device-kind.tsx';
import { formatClockTime } from '../../../_lib/format.ts';
import css from './chart.module.css';
import type { SharedChartState } from './chart-frame.tsx';
import { type ChartTimeWindow, chartTimeRanges } from './chart-time-window.ts';
import { CpuChart } from './cpu-chart.tsx';
import { computeCrosshairSnapDistance } from './crosshair.tsx';
import { downsampleChartPoints } from './downsample.ts';
import { DropsChart } from './drops-chart.tsx';
import { findMigrationMarks } from './migration-flags.ts';
import { findNearestPoint } from './nearest-point.ts';
import { RateChart } from './rate-chart.tsx';
import { findSampleGaps } from './sample-gaps.ts';
import { chartsText } from './text.ts';
import { useChartPoints } from './use-chart-points.ts';

/** Maximum number of points of a chart trace; more would be less than a pixel apart. */
const maxPoints = 300;

/** Shows live charts of a pod's counters, in the color of the device kind that carried the packets. */
export function LiveCharts(props: {
  pod: Pod;
  migrations: readonly Migration[];
  /** Time of the node's last sample, ms; null before the first sample. */
  now: number | null;
}) {
  const { pod, migrations, now } = props;
  const [range, setRange] = useState<number>(chartTimeRanges[1].ms);
  const [pausedAt, setPausedAt] = useState<number | null>(null);
  const [at, setAt] = useState<number | null>(null);
  const to = pausedAt ?? now ?? 0;
  const window = useMemo<ChartTimeWindow>(
    () => ({ from: to - range, to, live: pausedAt === null }),
    [to, range, pausedAt],
  );
  const all = useChartPoints(pod, window.from - 1000);
  const { points, gaps } = useMemo(() => {
    const shown = all.filter(({ time }) => time <= window.to);
    return {
      points: downsampleChartPoints(shown, window.to - window.from, maxPoints),
      gaps: findSampleGaps(shown, window.from, window.to),
    };
  }, [all, window]);
  const events = useMemo(() => findMigrationMarks(migrations), [migrations]);
  const shared: SharedChartState = { window, points, gaps, events, at, onPoint: setAt };
  const read =
    at === null ? points.at(-1) : findNearestPoint(points, at, computeCrosshairSnapDistance(window, points));
  return (
    <section aria-label={chartsText.section}>
      <div className="flex h-9 items-center gap-3">
        <h2 className="font-semibold">{chartsText.title}</h2>
        <fieldset className="inline-flex flex-none overflow-hidden rounded-2 border border-line-2">
          <legend className="sr-only">{chartsText.range}</legend>
          {chartTimeRanges.map(({ label, ms }) => (
            <button
              key={label}
              type="button"
              aria-pressed={ms === range}
              onClick={() => setRange(ms)}
              className="h-5.5 px-2 text-12 text-ink-2 focus-visible:-outline-offset-2 aria-pressed:bg-surface-3 aria-pressed:font-[550] aria-pressed:text-ink-1 pointer-coarse:h-8"
            >
              {label}
            </button>
          ))}
        </fieldset>
        <IconButton
          label={pausedAt === null ? chartsText.pause : chartsText.resume}
          aria-pressed={pausedAt !== null}
          disabled={now === null}
          onClick={() => setPausedAt(pausedAt === null ? now : null)}
        >
          {pausedAt === null ? (
            <Pause aria-hidden="true" className="size-3.5" strokeWidth={1.6} />
          ) : (
            <Play aria-hidden="true" className="size-3.5" strokeWidth={1.6} />
          )}
        </IconButton>
        <span className="flex-1" />
        <span className="text-12 text-muted max-lg:hidden">{chartsText.colorKey}</span>
        <span className="flex gap-3 text-12 max-md:hidden">
          <DeviceKindLabel kind="veth" />
          <DeviceKindLabel kind="netkit" />
        </span>
        <span className="h-5 w-px bg-line-2 max-md:hidden" />
        <span className="whitespace-nowrap text-12 tabular-nums">
          <span className="text-muted">{pausedAt === null ? chartsText.sampledAt : chartsText.pausedAt}</span>{' '}
          {read === undefined || read === null ? 'n/a' : formatClockTime(read.time)}
        </span>
      </div>
      <div className={css.charts}>
        <RateChart
          title={chartsText.packets}
          unit="pps"
          up="ingressPackets"
          down="egressPackets"
          shared={shared}
          read={read ?? null}
        />
        <RateChart
          title={chartsText.bits}
          unit="bit/s"
          up="ingressBits"
          down="egressBits"
          shared={shared}
          read={read ?? null}
        />
        <DropsChart shared={shared} read={read ?? null} />
        <CpuChart shared={shared} read={read ?? null} />
      </div>
    </section>
  );
}

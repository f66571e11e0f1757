import type { DeviceKind } from '../../../../contract/device.ts';
import { DeviceKindIcon } from '../../../_components/device-kind.tsx';
import css from './chart.module.css';
import { type ChartTimeWindow, chartPlotSize, convertTimeToX } from './chart-time-window.ts';
import { type MigrationMark, migrationFlagSize, placeMigrationFlags } from './migration-flags.ts';

/** Draws a dashed line for each migration in a chart, with a flag that shows both device kinds. */
export function MigrationMarkLines({
  events,
  window,
  width,
}: {
  events: MigrationMark[];
  window: ChartTimeWindow;
  width: number;
}) {
  const shown = events
    .filter(({ time }) => time >= window.from && time <= window.to)
    .sort((a, b) => a.time - b.time)
    .map((event) => ({ ...event, x: Math.round(convertTimeToX(window, event.time, width)) - 0.5 }));
  const flags = placeMigrationFlags(
    shown.map(({ x }) => x),
    width,
  );
  return shown.map(({ id, from, to, x }, index) => (
    <g key={id}>
      <path className={css.event} d={`M${x} 0V${chartPlotSize.height}`} />
      <Flag left={flags[index] ?? null} from={from} to={to} />
    </g>
  ));
}

function Flag({ left, from, to }: { left: number | null; from: DeviceKind; to: DeviceKind }) {
  if (left === null) return null;
  return (
    <>
      <rect
        className={css.flag}
        x={left}
        y={0}
        width={migrationFlagSize.width}
        height={migrationFlagSize.height}
      />
      <svg x={left + 3} y={2.5} width={13} height={8.7} viewBox="0 0 18 12" aria-hidden="true">
        <DeviceKindIcon kind={from} className="" />
      </svg>
      <path d={`M${left + 19} 7h4m-1.8-2 2 2-2 2`} fill="none" stroke="var(--text-2)" strokeWidth={1.1} />
      <svg x={left + 26.5} y={2.5} width={13} height={8.7} viewBox="0 0 18 12" aria-hidden="true">
        <DeviceKindIcon kind={to} className="" />
      </svg>
    </>
  );
}

'use client';

import type { Migration } from '../../../../contract/migration.ts';
import { formatDuration } from '../../../_lib/format.ts';
import { useElementWidth } from '../../../_lib/use-element-width.ts';
import {
  computeMigrationTiming,
  computeTimingDiagramAxis,
  type MigrationTiming,
} from './migration-timing.ts';
import { formatRouteTarget, migrationText } from './text.ts';
import css from './timing.module.css';
import {
  buildDeviceLevelPath,
  DeviceOverlapBracket,
  TimingDeviceLabel,
  TimingDeviceLevel,
  TimingRequestBars,
  TimingRouteBus,
  timingLabelWidth,
} from './timing-diagram-rows.tsx';
import type { RequestCountTick } from './use-request-counts.ts';

const height = 196;

/** Draws the timing diagram of a migration: devices as levels, routes as buses, requests as bars. */
export function MigrationTimingDiagram(props: {
  migration: Migration;
  elapsed: number;
  ticks: RequestCountTick[];
}) {
  const { migration, elapsed, ticks } = props;
  const [ref, outer] = useElementWidth<HTMLDivElement>();
  const timing = computeMigrationTiming(migration, elapsed);
  const { to: last, ticks: labels } = computeTimingDiagramAxis(timing.end);
  const width = Math.max(0, outer - timingLabelWidth - 36);
  const x = (ms: number) => timingLabelWidth + (Math.min(ms, last) / last) * width;
  const end = x(timing.end);
  const { from, to, state } = migration;
  const running = state === 'running';
  return (
    <div className="px-6 pt-4 pb-1 max-md:px-4">
      <div ref={ref}>
        {outer > 0 && (
          <svg
            className={css.timing}
            width={outer}
            height={height + 20}
            role="img"
            aria-label={timingText(migration, timing)}
          >
            {labels.map((ms) => (
              <g key={ms}>
                <path className={css.division} d={`M${x(ms)} 0V${height}`} />
                <path className={css.tick} d={`M${x(ms)} ${height}v4`} />
                <text className={css.muted} x={x(ms)} y={height + 16} textAnchor="middle">
                  {Number(ms.toPrecision(6))}
                  {ms === last && ' ms'}
                </text>
              </g>
            ))}
            <TimingDeviceLevel
              kind={from.kind}
              device="old"
              y={4}
              d={buildDeviceLevelPath(timing.old.to, end, x, 4)}
              end={timing.old.to === null ? end : x(timing.old.to)}
              start={timingLabelWidth}
            />
            {timing.new !== null && (
              <TimingDeviceLevel
                kind={to.kind}
                device="new"
                y={36}
                d={`M${timingLabelWidth} 54H${x(timing.new.from)}V36H${end}${timing.new.to === null ? '' : 'V54'}`}
                start={x(timing.new.from)}
                end={end}
              />
            )}
            {timing.new === null && <TimingDeviceLabel kind={to.kind} device="new" y={36} />}
            <TimingRouteBus
              label={migrationText.routeInPod}
              y={72}
              at={timing.podRoute}
              kinds={[from.kind, to.kind]}
              word={formatRouteTarget(to.kind, to.slot)}
              x={x}
              end={end}
            />
            <TimingRouteBus
              label={migrationText.routeOnHost}
              y={104}
              at={timing.hostRoute}
              kinds={[from.kind, to.kind]}
              word={formatRouteTarget(to.kind, to.slot)}
              x={x}
              end={end}
            />
            <TimingRequestBars migration={migration} ticks={ticks} x={x} end={end} limit={timing.end} />
            {timing.bothUp !== null && timing.new !== null && timing.old.to !== null && (
              <DeviceOverlapBracket from={x(timing.new.from)} to={x(timing.old.to)} ms={timing.bothUp} />
            )}
            {timing.verified !== null && !running && (
              <>
                <path className={css.verified} d={`M${x(timing.verified)} 0V${height}`} />
                <text className={css.good} {...besideOf(x(timing.verified), outer)} y={9}>
                  {migrationText.verifiedMark}
                </text>
              </>
            )}
            {running && (
              <>
                <path className={css.cursor} d={`M${end} -6V${height}`} />
                <rect className={css.cursorFlag} x={end} y={-6} width={58} height={16} />
                <text className={css.cursorTime} x={end + 29} y={6} textAnchor="middle">
                  {formatDuration(timing.end)}
                </text>
              </>
            )}
          </svg>
        )}
      </div>
    </div>
  );
}

/** Places a label to the right of a line, or to its left near the end of the diagram. */
const besideOf = (x: number, outer: number) =>
  x + 50 < outer ? { x: x + 5, textAnchor: 'start' as const } : { x: x - 5, textAnchor: 'end' as const };

function timingText(migration: Migration, timing: MigrationTiming): string {
  const at = (ms: number | null) => (ms === null ? 'not yet' : `at ${ms.toFixed(1)} ms`);
  return (
    `Timing of the migration. New ${migration.to.kind} device up ${at(timing.new?.from ?? null)}, ` +
    `route in the pod moved ${at(timing.podRoute)}, route on the host moved ${at(timing.hostRoute)}, ` +
    `old ${migration.from.kind} device removed ${at(timing.old.to)}, verified ${at(timing.verified)}.`
  );
}

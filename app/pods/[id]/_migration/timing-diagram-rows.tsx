import type { DeviceKind } from '../../../../contract/device.ts';
import type { Migration } from '../../../../contract/migration.ts';
import { DeviceKindIcon, deviceKindColorClass } from '../../../_components/device-kind.tsx';
import { formatDuration } from '../../../_lib/format.ts';
import {
  formatBothDevicesUpLabel,
  formatDeviceUpLabel,
  formatRequestTotalLabel,
  migrationText,
} from './text.ts';
import css from './timing.module.css';
import type { RequestCountTick } from './use-request-counts.ts';

/** Width of the labels on the left of a timing diagram, px. */
export const timingLabelWidth = 112;

/** Converts a time in ms since the migration's start to an x coordinate in px. */
export type TimeToXScale = (ms: number) => number;

/**
 * Returns the SVG path of a device that is up until it is removed; if `removed` is null, the device is up to the end.
 */
export const buildDeviceLevelPath = (
  removed: number | null,
  end: number,
  x: TimeToXScale,
  y: number,
): string =>
  removed === null
    ? `M${timingLabelWidth} ${y}H${end}`
    : `M${timingLabelWidth} ${y}H${x(removed)}V${y + 18}H${end}`;

export function TimingDeviceLabel({
  kind,
  device,
  y,
}: {
  kind: DeviceKind;
  device: 'old' | 'new';
  y: number;
}) {
  return (
    <>
      <svg x={0} y={y + 3} width={18} height={12} viewBox="0 0 18 12">
        <title>{kind}</title>
        <DeviceKindIcon kind={kind} className="" />
      </svg>
      <text x={26} y={y + 13}>
        {formatDeviceUpLabel(device)}
      </text>
    </>
  );
}

export function TimingDeviceLevel(props: {
  kind: DeviceKind;
  device: 'old' | 'new';
  y: number;
  d: string;
  start: number;
  end: number;
}) {
  const { kind, device, y, d, start, end } = props;
  return (
    <>
      <TimingDeviceLabel kind={kind} device={device} y={y} />
      <g className={deviceKindColorClass(kind)}>
        <rect className={css.fill} x={start} y={y} width={Math.max(0, end - start)} height={18} />
        <path className={css.line} d={d} />
      </g>
    </>
  );
}

/** Draws a route in a timing diagram as a bus that changes once, from the old device to the new one. */
export function TimingRouteBus(props: {
  label: string;
  y: number;
  at: number | null;
  kinds: [DeviceKind, DeviceKind];
  word: string;
  x: TimeToXScale;
  end: number;
}) {
  const { label, y, at, kinds, word, x, end } = props;
  const bottom = y + 18;
  const middle = y + 9;
  const turn = at === null ? null : Math.max(x(at), timingLabelWidth + 4);
  return (
    <>
      <text x={0} y={y + 13}>
        {label}
      </text>
      <path
        className={`${css.bus} ${deviceKindColorClass(kinds[0])}`}
        d={
          turn === null
            ? `M${end} ${y}H${timingLabelWidth}V${bottom}H${end}`
            : `M${timingLabelWidth} ${y}H${turn - 4}L${turn} ${middle}L${turn - 4} ${bottom}H${timingLabelWidth}Z`
        }
      />
      {turn !== null && (
        <g className={deviceKindColorClass(kinds[1])}>
          <path
            className={css.bus}
            d={`M${turn + 4} ${y}H${Math.max(end, turn + 4)}V${bottom}H${turn + 4}L${turn} ${middle}Z`}
          />
          <text className={css.word} x={turn + 14} y={y + 13}>
            {word}
          </text>
        </g>
      )}
    </>
  );
}

/** Draws bars for the requests completed between two sample frames; without frames, shows the totals as text. */
export function TimingRequestBars(props: {
  migration: Migration;
  ticks: RequestCountTick[];
  x: TimeToXScale;
  end: number;
  limit: number;
}) {
  const { migration, ticks, x, end, limit } = props;
  const start = Date.parse(migration.startedAt);
  const during = ticks
    .map((tick) => ({
      ...tick,
      from: Math.max(0, tick.from - start),
      to: Math.min(limit, tick.time - start),
    }))
    .filter(({ from, to }) => to > 0 && from < limit && to > from);
  const most = Math.max(1, ...during.map(({ ok, failed }) => Math.max(ok, failed)));
  const { result } = migration;
  const total = (value: number | null | undefined) =>
    value == null ? migrationText.notCounted : formatRequestTotalLabel(value);
  const rows = [
    {
      field: 'ok',
      label: migrationText.succeeded,
      base: 158,
      className: css.ok,
      total: total(result?.requestsOk),
    },
    {
      field: 'failed',
      label: migrationText.failed,
      base: 188,
      className: css.failed,
      total: total(result?.requestsFailed),
    },
  ] as const;
  return rows.map(({ field, label, base, className, total }) => (
    <g key={field}>
      <text x={0} y={base - 3}>
        {label}
      </text>
      {during.map((tick) => {
        const tall = (tick[field] / most) * 18;
        const from = x(tick.from);
        return (
          <rect
            key={tick.time}
            className={className}
            x={from + 0.5}
            y={base - tall}
            width={Math.max(1, x(tick.to) - from - 1)}
            height={tall}
          />
        );
      })}
      {during.length === 0 && migration.state !== 'running' && (
        <text className={css.muted} x={timingLabelWidth + 8} y={base - 4}>
          {total}
        </text>
      )}
      <path className={css.base} d={`M${timingLabelWidth} ${base + 0.5}H${end}`} />
    </g>
  ));
}

export function DeviceOverlapBracket({ from, to, ms }: { from: number; to: number; ms: number }) {
  const middle = (from + to) / 2;
  if (to - from < 150) return null;
  return (
    <>
      <path className={css.bracket} d={`M${from} 25v8M${to} 25v8M${from} 29H${to}`} />
      <rect className={css.bracketGap} x={middle - 66} y={22} width={132} height={13} />
      <text x={middle} y={33} textAnchor="middle">
        {formatBothDevicesUpLabel(formatDuration(ms))}
      </text>
    </>
  );
}

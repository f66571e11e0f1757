'use client';

import type { DeviceKind } from '../../../../contract/device.ts';
import type { Migration } from '../../../../contract/migration.ts';
import { KindGlyph, kindScope } from '../../../_components/kind.tsx';
import { duration } from '../../../_lib/format.ts';
import { useWidth } from '../_hooks/use-width.ts';
import css from './timing.module.css';
import { axisOf, type Timing, timingOf } from './timing.ts';
import type { Tick } from './use-request-ticks.ts';

const left = 112;
const height = 196;

/** The devices as levels, the routes as two-valued buses, the requests as ticks, over the time of the migration. */
export function TimingView(props: {
  migration: Migration;
  elapsed: number;
  ticks: Tick[];
  interfaceName: string;
}) {
  const { migration, elapsed, ticks, interfaceName } = props;
  const [ref, outer] = useWidth<HTMLDivElement>();
  const timing = timingOf(migration, elapsed);
  const { to: last, ticks: labels } = axisOf(timing.end);
  const width = Math.max(0, outer - left - 36);
  const x = (ms: number) => left + (Math.min(ms, last) / last) * width;
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
            <DeviceLine
              kind={from.kind}
              name={from.primary.name}
              y={4}
              d={levelOf(timing.old.to, end, x, 4)}
              end={timing.old.to === null ? end : x(timing.old.to)}
              start={left}
            />
            {timing.new !== null && (
              <DeviceLine
                kind={to.kind}
                name={to.primary.name}
                y={36}
                d={`M${left} 54H${x(timing.new.from)}V36H${end}${timing.new.to === null ? '' : 'V54'}`}
                start={x(timing.new.from)}
                end={end}
              />
            )}
            {timing.new === null && <Label kind={to.kind} name={to.primary.name} y={36} />}
            <Bus
              label="route in pod"
              y={72}
              at={timing.podRoute}
              kinds={[from.kind, to.kind]}
              word={`dev ${to.peer.name === interfaceName ? interfaceName : to.peer.name}`}
              x={x}
              end={end}
            />
            <Bus
              label="route on host"
              y={104}
              at={timing.hostRoute}
              kinds={[from.kind, to.kind]}
              word={`dev ${to.primary.name}`}
              x={x}
              end={end}
            />
            <Requests migration={migration} ticks={ticks} x={x} end={end} limit={timing.end} />
            {timing.bothUp !== null && timing.new !== null && timing.old.to !== null && (
              <Both from={x(timing.new.from)} to={x(timing.old.to)} ms={timing.bothUp} />
            )}
            {timing.verified !== null && !running && (
              <>
                <path className={css.verified} d={`M${x(timing.verified)} 0V${height}`} />
                <text className={css.good} {...besideOf(x(timing.verified), outer)} y={9}>
                  verified
                </text>
              </>
            )}
            {running && (
              <>
                <path className={css.cursor} d={`M${end} -6V${height}`} />
                <rect className={css.cursorFlag} x={end} y={-6} width={58} height={16} />
                <text className={css.cursorTime} x={end + 29} y={6} textAnchor="middle">
                  {duration(timing.end)}
                </text>
              </>
            )}
          </svg>
        )}
      </div>
    </div>
  );
}

type Place = (ms: number) => number;

/** Right of a line, or left of it where the drawing ends. */
const besideOf = (x: number, outer: number) =>
  x + 50 < outer ? { x: x + 5, textAnchor: 'start' as const } : { x: x - 5, textAnchor: 'end' as const };

/** A device that is up until it is removed; null: to the end. */
const levelOf = (removed: number | null, end: number, x: Place, y: number): string =>
  removed === null ? `M${left} ${y}H${end}` : `M${left} ${y}H${x(removed)}V${y + 18}H${end}`;

function Label({ kind, name, y }: { kind: DeviceKind; name: string; y: number }) {
  return (
    <>
      <svg x={0} y={y + 3} width={18} height={12} viewBox="0 0 18 12">
        <title>{kind}</title>
        <KindGlyph kind={kind} className="" />
      </svg>
      <text x={26} y={y + 13}>
        {name} up
      </text>
    </>
  );
}

function DeviceLine(props: {
  kind: DeviceKind;
  name: string;
  y: number;
  d: string;
  start: number;
  end: number;
}) {
  const { kind, name, y, d, start, end } = props;
  return (
    <>
      <Label kind={kind} name={name} y={y} />
      <g className={kindScope(kind)}>
        <rect className={css.fill} x={start} y={y} width={Math.max(0, end - start)} height={18} />
        <path className={css.line} d={d} />
      </g>
    </>
  );
}

/** A value that changes once: the old device's before, the new one's after. */
function Bus(props: {
  label: string;
  y: number;
  at: number | null;
  kinds: [DeviceKind, DeviceKind];
  word: string;
  x: Place;
  end: number;
}) {
  const { label, y, at, kinds, word, x, end } = props;
  const bottom = y + 18;
  const middle = y + 9;
  const turn = at === null ? null : Math.max(x(at), left + 4);
  return (
    <>
      <text x={0} y={y + 13}>
        {label}
      </text>
      <path
        className={`${css.bus} ${kindScope(kinds[0])}`}
        d={
          turn === null
            ? `M${end} ${y}H${left}V${bottom}H${end}`
            : `M${left} ${y}H${turn - 4}L${turn} ${middle}L${turn - 4} ${bottom}H${left}Z`
        }
      />
      {turn !== null && (
        <g className={kindScope(kinds[1])}>
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

/** Bars of what was counted between two frames; without frames of that time, the totals in words. */
function Requests(props: { migration: Migration; ticks: Tick[]; x: Place; end: number; limit: number }) {
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
  const words = (value: number | null | undefined) =>
    value == null ? 'not counted' : `${value.toLocaleString('en-US')} in all`;
  const rows = [
    { field: 'ok', label: 'requests ok', base: 158, className: css.ok, total: words(result?.requestsOk) },
    {
      field: 'failed',
      label: 'failed',
      base: 188,
      className: css.failed,
      total: words(result?.requestsFailed),
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
        <text className={css.muted} x={left + 8} y={base - 4}>
          {total}
        </text>
      )}
      <path className={css.base} d={`M${left} ${base + 0.5}H${end}`} />
    </g>
  ));
}

function Both({ from, to, ms }: { from: number; to: number; ms: number }) {
  const middle = (from + to) / 2;
  if (to - from < 150) return null;
  return (
    <>
      <path className={css.bracket} d={`M${from} 25v8M${to} 25v8M${from} 29H${to}`} />
      <rect className={css.bracketGap} x={middle - 66} y={22} width={132} height={13} />
      <text x={middle} y={33} textAnchor="middle">
        both up for {duration(ms)}
      </text>
    </>
  );
}

function timingText(migration: Migration, timing: Timing): string {
  const at = (ms: number | null) => (ms === null ? 'not yet' : `at ${ms.toFixed(1)} ms`);
  return (
    `Timing of the migration. ${migration.to.primary.name} up ${at(timing.new?.from ?? null)}, ` +
    `route in the pod moved ${at(timing.podRoute)}, route on the host moved ${at(timing.hostRoute)}, ` +
    `${migration.from.primary.name} removed ${at(timing.old.to)}, verified ${at(timing.verified)}.`
  );
}

import { DropRateNumber, NotAvailableNumber } from '../../../_components/number-display.tsx';
import { formatClockTime, formatCount, formatDay } from '../../../_lib/format.ts';
import type { DropTableRow } from './drop-rates.ts';
import { dropReasonMeanings } from './drop-reason-text.ts';
import { dropPlaceLabels, dropsText } from './text.ts';

const head = 'h-6 border-line-2 border-b px-2 text-left font-[450] text-12 text-muted first:pl-0 last:pr-0';
const cell = 'h-7 truncate border-line-1 border-b px-2 first:pl-0 last:pr-0';
const wide = 'max-md:hidden';

/** Table of dropped packets by reason and place. */
export function DropsTable({ rows }: { rows: readonly DropTableRow[] }) {
  return (
    <table className="w-full table-fixed border-separate border-spacing-0">
      <thead>
        <tr>
          <th scope="col" className={`${head} w-46 max-md:w-auto`}>
            {dropsText.reason}
          </th>
          <th scope="col" className={`${head} w-19 max-md:w-17 max-md:px-0`} title={dropsText.byDetail}>
            {dropsText.by}
          </th>
          <th scope="col" className={`${head} ${wide}`}>
            {dropsText.meaning}
          </th>
          <th scope="col" className={`${head} w-22 text-right max-md:w-19`}>
            {dropsText.packets}
          </th>
          <th scope="col" className={`${head} w-16 text-right max-md:w-12`} title={dropsText.perSecondDetail}>
            {dropsText.perSecond}
          </th>
          <th scope="col" className={`${head} ${wide} w-18 text-right`}>
            {dropsText.last}
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <Row key={row.key} row={row} />
        ))}
      </tbody>
    </table>
  );
}

function Row({ row: { reason, where, packets, rate, lastSeen } }: { row: DropTableRow }) {
  const meaning = dropReasonMeanings[reason];
  return (
    <tr className="hover:[&>td]:bg-surface-2">
      <td className={`${cell} code font-semibold max-md:text-11`} title={meaning ?? reason}>
        {reason}
      </td>
      <td className={`${cell} text-ink-2 max-md:px-0`} title={dropPlaceLabels[where].detail}>
        {dropPlaceLabels[where].label}
      </td>
      <td className={`${cell} ${wide} text-ink-2`} title={meaning}>
        {meaning ?? ''}
      </td>
      <td className={`${cell} text-right tabular-nums`}>{formatCount(packets)}</td>
      <td className={`${cell} text-right`}>
        <DropRateNumber value={rate} />
      </td>
      <td
        className={`${cell} ${wide} text-right text-ink-2 tabular-nums`}
        title={lastSeen === null ? undefined : formatClockTime(lastSeen)}
      >
        {lastSeen === null ? (
          <NotAvailableNumber reason={dropsText.noTime} slot={false} />
        ) : (
          timeOrDay(lastSeen)
        )}
      </td>
    </tr>
  );
}

const timeOrDay = (ms: number): string =>
  new Date(ms).toDateString() === new Date().toDateString() ? formatClockTime(ms) : formatDay(ms);

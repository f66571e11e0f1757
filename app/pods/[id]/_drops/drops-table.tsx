import { DropRate, NotAvailable } from '../../../_components/number.tsx';
import { clock, count, dayOf } from '../../../_lib/format.ts';
import type { DropRow } from './drop-rates.ts';
import { dropReasonMeanings } from './drop-reason-text.ts';

const head = 'h-6 border-line-2 border-b px-2 text-left font-[450] text-12 text-muted first:pl-0 last:pr-0';
const cell = 'h-7 truncate border-line-1 border-b px-2 first:pl-0 last:pr-0';
const wide = 'max-md:hidden';

const places = { out: 'ours, out', in: 'ours, in', kernel: 'kernel' } as const;
const explained = {
  out: 'Podlane’s program on the way out of the pod',
  in: 'Podlane’s program on the way into the pod',
  kernel: 'The kernel, at the pod’s device, in its namespace or at its sockets',
} as const;

/** Why packets were dropped, by whom, how many. */
export function DropsTable({ rows }: { rows: readonly DropRow[] }) {
  return (
    <table className="w-full table-fixed border-separate border-spacing-0">
      <thead>
        <tr>
          <th scope="col" className={`${head} w-46 max-md:w-auto`}>
            reason
          </th>
          <th scope="col" className={`${head} w-19 max-md:w-17 max-md:px-0`} title="Who dropped them">
            by
          </th>
          <th scope="col" className={`${head} ${wide}`}>
            meaning
          </th>
          <th scope="col" className={`${head} w-22 text-right max-md:w-19`}>
            packets
          </th>
          <th
            scope="col"
            className={`${head} w-16 text-right max-md:w-12`}
            title="Mean of the last minute, or since the page was opened"
          >
            /s
          </th>
          <th scope="col" className={`${head} ${wide} w-18 text-right`}>
            last
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

function Row({ row: { reason, where, packets, rate, lastSeen } }: { row: DropRow }) {
  const meaning = dropReasonMeanings[reason];
  return (
    <tr className="hover:[&>td]:bg-surface-2">
      <td className={`${cell} code font-semibold max-md:text-11`} title={meaning ?? reason}>
        {reason}
      </td>
      <td className={`${cell} text-ink-2 max-md:px-0`} title={explained[where]}>
        {places[where]}
      </td>
      <td className={`${cell} ${wide} text-ink-2`} title={meaning}>
        {meaning ?? ''}
      </td>
      <td className={`${cell} text-right tabular-nums`}>{count(packets)}</td>
      <td className={`${cell} text-right`}>
        <DropRate value={rate} />
      </td>
      <td
        className={`${cell} ${wide} text-right text-ink-2 tabular-nums`}
        title={lastSeen === null ? undefined : clock(lastSeen)}
      >
        {lastSeen === null ? (
          <NotAvailable reason="Podlane’s programs count, they do not note the time" slot={false} />
        ) : (
          timeOrDay(lastSeen)
        )}
      </td>
    </tr>
  );
}

const timeOrDay = (ms: number): string =>
  new Date(ms).toDateString() === new Date().toDateString() ? clock(ms) : dayOf(ms);

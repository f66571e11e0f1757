import type { GuardSignalReading } from '../../../../contract/guard.ts';
import { WarningIcon } from '../../../_components/warning-icon.tsx';
import { formatClockTime } from '../../../_lib/format.ts';
import { guardSignalLabels, guardSignalStateLabels, guardText } from './text.ts';

const head = 'h-6 border-line-2 border-b px-2 text-left font-[450] text-12 text-muted first:pl-0 last:pr-0';
const cell = 'border-line-1 border-b px-2 py-1 align-top first:pl-0 last:pr-0';

/** Table of the guard's signals with their state and evidence. */
export function GuardSignalsTable({ readings }: { readings: readonly GuardSignalReading[] }) {
  return (
    <table className="w-full table-fixed border-separate border-spacing-0">
      <thead>
        <tr>
          <th scope="col" className={`${head} w-21`}>
            {guardText.signal}
          </th>
          <th scope="col" className={`${head} w-22`}>
            {guardText.state}
          </th>
          <th scope="col" className={head}>
            {guardText.evidence}
          </th>
          <th scope="col" className={`${head} w-20 text-right max-md:hidden`}>
            {guardText.since}
          </th>
        </tr>
      </thead>
      <tbody>
        {readings.map(({ signal, state, evidence, since }) => (
          <tr key={signal}>
            <th scope="row" className={`${cell} text-left font-[550]`}>
              {guardSignalLabels[signal]}
            </th>
            <td className={`${cell} ${state === 'failing' ? 'text-signal-text' : 'text-muted'}`}>
              <span className="flex items-center gap-1.5">
                {state === 'failing' && <WarningIcon />}
                {guardSignalStateLabels[state]}
              </span>
            </td>
            <td className={`${cell} break-words text-12 text-ink-2 tabular-nums`}>{evidence}</td>
            <td className={`${cell} text-right text-12 text-ink-2 tabular-nums max-md:hidden`}>
              {since !== null && formatClockTime(Date.parse(since))}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

import type { RuleEntry } from '../../../contract/rules.ts';
import { ActionMark } from '../../_components/action-mark.tsx';
import { SiNumber } from '../../_components/number.tsx';
import { count } from '../../_lib/format.ts';
import { entryPortsLabel } from '../rule-labels.ts';
import { entryUseDetails, entryUsesSummary } from './entry-uses.ts';

const head = 'h-6 border-line-2 border-b px-2 text-left font-[450] text-12 text-muted first:pl-0 last:pr-0';
const cell = 'h-7 truncate border-line-1 border-b px-2 first:pl-0 last:pr-0';

/** Entries of the kernel's verdict table, with who comes to them; `packets` only where something counts. */
export function RuleEntriesTable({
  entries,
  total,
  counted = true,
}: {
  entries: readonly RuleEntry[];
  total: number;
  counted?: boolean;
}) {
  return (
    <>
      <table aria-label="Entries" className="w-full table-fixed border-separate border-spacing-0 text-12">
        <thead>
          <tr>
            <th scope="col" className={`${head} w-14`} title="Entries of one row belong together">
              row
            </th>
            <th scope="col" className={`${head} w-14`}>
              proto
            </th>
            <th scope="col" className={`${head} w-26`} title="One prefix of the port’s bits">
              ports
            </th>
            <th scope="col" className={`${head} w-18`}>
              verdict
            </th>
            <th
              scope="col"
              className={`${head} max-md:hidden`}
              title="Pods whose packets come to it, and the addresses at the other end"
            >
              for
            </th>
            {counted && (
              <th scope="col" className={`${head} w-18 text-right`}>
                <span className="pr-[13px]">packets</span>
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {entries.map((entry) => (
            <tr
              key={`${entry.row} ${entry.protocol} ${entry.from}/${entry.length}`}
              className="hover:[&>td]:bg-surface-2"
            >
              <td className={`${cell} code text-muted`}>{entry.row}</td>
              <td className={cell}>{entry.protocol}</td>
              <td className={`${cell} code`} title={`prefix of ${entry.length} bits`}>
                {entryPortsLabel(entry.protocol, entry.from, entry.to)}
                {entry.protocol !== 'icmp' && entry.length < 16 && entry.length > 0 && (
                  <span className="text-muted"> /{entry.length}</span>
                )}
              </td>
              <td className={cell}>
                <ActionMark action={entry.verdict} />
              </td>
              <td className={`${cell} text-ink-2 max-md:hidden`} title={entry.uses.map(entryUseDetails).join('\n')}>
                {entry.uses.length === 0 ? (
                  <span className="text-muted">nobody now</span>
                ) : (
                  entryUsesSummary(entry.uses)
                )}
              </td>
              {counted && (
                <td className={`${cell} text-right`}>
                  <SiNumber value={entry.packets ?? Number.NaN} unknown="nothing is counted" />
                </td>
              )}
            </tr>
          ))}
        </tbody>
      </table>
      {total > entries.length && (
        <p className="py-1 text-12 text-muted">and {count(total - entries.length)} more</p>
      )}
    </>
  );
}

import type { RuleEntry } from '../../../contract/rules.ts';
import { SiNumber } from '../../_components/number-display.tsx';
import { RuleActionLabel } from '../../_components/rule-action-label.tsx';
import { formatCount } from '../../_lib/format.ts';
import { formatRuleEntryPorts } from '../rule-labels.ts';
import { rulesText } from '../text.ts';
import { formatRuleEntryUseDetails, formatRuleEntryUses } from './entry-uses.ts';

const head = 'h-6 border-line-2 border-b px-2 text-left font-[450] text-12 text-muted first:pl-0 last:pr-0';
const cell = 'h-7 truncate border-line-1 border-b px-2 first:pl-0 last:pr-0';

/** Table of compiled entries, with a column of packets if packets are counted. */
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
      <table
        aria-label={rulesText.entries}
        className="w-full table-fixed border-separate border-spacing-0 text-12"
      >
        <thead>
          <tr>
            <th scope="col" className={`${head} w-14`} title={rulesText.listTitle}>
              {rulesText.listColumn}
            </th>
            <th scope="col" className={`${head} w-14`}>
              {rulesText.protoColumn}
            </th>
            <th scope="col" className={`${head} w-26`} title={rulesText.portPrefixTitle}>
              {rulesText.ports}
            </th>
            <th scope="col" className={`${head} w-18`}>
              {rulesText.verdict}
            </th>
            <th scope="col" className={`${head} max-md:hidden`} title={rulesText.forColumnTitle}>
              {rulesText.forColumn}
            </th>
            {counted && (
              <th scope="col" className={`${head} w-18 text-right`}>
                <span className="pr-[13px]">{rulesText.packets}</span>
              </th>
            )}
          </tr>
        </thead>
        <tbody>
          {entries.map((entry) => (
            <tr
              key={`${entry.entryList} ${entry.protocol} ${entry.from}/${entry.length}`}
              className="hover:[&>td]:bg-surface-2"
            >
              <td className={`${cell} code text-muted`}>{entry.entryList}</td>
              <td className={cell}>{entry.protocol}</td>
              <td className={`${cell} code`} title={rulesText.prefixLength(entry.length)}>
                {formatRuleEntryPorts(entry.protocol, entry.from, entry.to)}
                {entry.protocol !== 'icmp' && entry.length < 16 && entry.length > 0 && (
                  <span className="text-muted"> /{entry.length}</span>
                )}
              </td>
              <td className={cell}>
                <RuleActionLabel action={entry.verdict} />
              </td>
              <td
                className={`${cell} text-ink-2 max-md:hidden`}
                title={entry.uses.map(formatRuleEntryUseDetails).join('\n')}
              >
                {entry.uses.length === 0 ? (
                  <span className="text-muted">{rulesText.unused}</span>
                ) : (
                  formatRuleEntryUses(entry.uses)
                )}
              </td>
              {counted && (
                <td className={`${cell} text-right`}>
                  <SiNumber value={entry.packets ?? Number.NaN} unknown={rulesText.noCounter} />
                </td>
              )}
            </tr>
          ))}
        </tbody>
      </table>
      {total > entries.length && (
        <p className="py-1 text-12 text-muted">
          {rulesText.andMoreEntries(formatCount(total - entries.length))}
        </p>
      )}
    </>
  );
}

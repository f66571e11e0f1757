import Link from 'next/link';
import { ValueSkeleton } from '../../_components/skeleton.tsx';
import { VerdictLabel } from '../../_components/verdict-label.tsx';
import { formatCount } from '../../_lib/format.ts';
import {
  buildPolicyLookupHref,
  formatClockTimeWithMilliseconds,
  formatPacketEndpoint,
  formatPacketProtocol,
} from '../../_lib/packet-labels.ts';
import { rulesText } from '../text.ts';
import type { VerdictDifference } from './verdict-differences.ts';

const head =
  'h-6 border-line-2 border-b px-2 text-left font-[450] text-12 text-muted first:pl-(--gutter) last:pr-(--gutter)';
const cell = 'h-7 truncate border-line-1 border-b px-2 first:pl-(--gutter) last:pr-(--gutter)';
const wide = 'max-lg:hidden';
const shown = 12;

/** Table of the packets on which the staged and the active rules differ, grouped by rule and pod. */
export function VerdictDifferencesTable({
  differences,
}: {
  differences: readonly VerdictDifference[] | null;
}) {
  return (
    <>
      <table
        aria-label={rulesText.differences}
        className="w-full table-fixed border-separate border-spacing-0"
      >
        <thead>
          <tr>
            <th scope="col" className={`${head} w-36 max-md:w-30`}>
              {rulesText.verdict}
            </th>
            <th scope="col" className={head}>
              {rulesText.ruleColumn}
            </th>
            <th scope="col" className={`${head} max-md:w-32`}>
              {rulesText.pod}
            </th>
            <th scope="col" className={`${head} ${wide} w-[34%]`}>
              {rulesText.lastPacket}
            </th>
            <th
              scope="col"
              className={`${head} w-24 text-right max-md:w-20`}
              title={rulesText.reportedPacketsTitle}
            >
              {rulesText.packets}
            </th>
          </tr>
        </thead>
        <tbody>
          {differences?.slice(0, shown).map(({ key, kind, rule, pod, podHref, packets, last }) => (
            <tr key={key} className="hover:[&>td]:bg-surface-2">
              <td className={cell}>
                <VerdictLabel kind={kind} />
              </td>
              <td className={cell}>
                {rule === null ? (
                  <span className="text-ink-2">{rulesText.defaultAction}</span>
                ) : (
                  <Link
                    href={`/rules/editor?rule=${encodeURIComponent(rule)}`}
                    prefetch={false}
                    className="link font-[550]"
                  >
                    {rule}
                  </Link>
                )}
              </td>
              <td className={cell}>
                {podHref === null ? (
                  <span className="text-muted">{pod}</span>
                ) : (
                  <Link href={podHref} prefetch={false} className="link">
                    {pod}
                  </Link>
                )}
              </td>
              <td className={`${cell} ${wide} text-12 text-ink-2`}>
                <Link href={buildPolicyLookupHref(last, 'staged')} prefetch={false} className="link">
                  <span className="tabular-nums">{formatClockTimeWithMilliseconds(last.time)}</span>
                </Link>{' '}
                <span className="code">
                  {formatPacketEndpoint(last.source)} → {formatPacketEndpoint(last.destination)}
                </span>{' '}
                {formatPacketProtocol(last)}
              </td>
              <td className={`${cell} text-right tabular-nums`}>{formatCount(packets)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {differences === null && (
        <p className="flex h-7 items-center px-(--gutter)">
          <ValueSkeleton className="w-64" />
        </p>
      )}
      {(differences?.length ?? 0) > shown && (
        <p className="px-(--gutter) py-1 text-muted">
          {rulesText.moreDifferences((differences?.length ?? 0) - shown)}
        </p>
      )}
    </>
  );
}

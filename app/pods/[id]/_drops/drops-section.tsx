'use client';

import Link from 'next/link';
import type { PodDrops } from '../../../../contract/drops.ts';
import type { Pod } from '../../../../contract/pod.ts';
import { ErrorState } from '../../../_components/error-state.tsx';
import { ValueSkeleton } from '../../../_components/skeleton.tsx';
import { WarningIcon } from '../../../_components/warning-icon.tsx';
import { formatClockTime } from '../../../_lib/format.ts';
import { ConnectionUse } from './connection-use.tsx';
import { usePodDropReadings } from './drop-queries.ts';
import { buildDropTableRows } from './drop-rates.ts';
import { DropsTable } from './drops-table.tsx';
import {
  dropsText,
  formatDropsCountedSince,
  formatDropsNotReadSince,
  formatKernelReasonsUnavailable,
  formatNoDropsSince,
  formatUnattributedDrops,
} from './text.ts';

/** CSS classes of a text shown in place of the table of drops. */
const placeholder = 'flex h-9 items-center border-line-2 border-t text-12 text-ink-2';

/** Shows a pod's dropped packets by reason: those dropped by Podlane's programs and by the kernel. */
export function DropsSection({ pod }: { pod: Pod }) {
  const { data, error, refetch } = usePodDropReadings(pod);
  const last = data?.at(-1);
  const gone = pod.state === 'gone';
  return (
    <section
      aria-labelledby="drop-reasons"
      aria-busy={last === undefined && error === null && !gone}
      className="mt-4 min-w-0"
    >
      <div className="flex h-8 items-center gap-3">
        <h2 id="drop-reasons" className="font-semibold">
          {dropsText.title}
        </h2>
        {last !== undefined && (
          <span className="truncate text-12 text-muted">{formatCountingStart(last.drops)}</span>
        )}
        <Link
          href={`/verdicts?pod=${pod.namespace}.${pod.name}&verdict=dropped`}
          className="link order-last ml-auto flex-none text-12"
        >
          {dropsText.verdicts}
        </Link>
        {last !== undefined && error !== null && !gone && (
          <span className="flex min-w-0 items-center gap-1.5 text-12 text-ink-2" title={error.message}>
            <WarningIcon />{' '}
            <span className="truncate">{formatDropsNotReadSince(formatClockTime(last.at))}</span>
          </span>
        )}
      </div>
      {last !== undefined ? (
        <Counted drops={last.drops} rows={buildDropTableRows(data ?? [])} />
      ) : gone ? (
        <p className={placeholder}>{dropsText.gone}</p>
      ) : error !== null ? (
        <ErrorState error={error} retry={() => void refetch()} />
      ) : (
        <Waiting />
      )}
      <ConnectionUse pod={pod} />
    </section>
  );
}

function Counted({ drops, rows }: { drops: PodDrops; rows: ReturnType<typeof buildDropTableRows> }) {
  const { ours, kernel } = drops;
  return (
    <>
      {rows.length > 0 ? (
        <DropsTable rows={rows} />
      ) : (
        <p className={placeholder}>
          {formatNoDropsSince(
            formatClockTime(kernel.available ? countedBothSince(drops) : Date.parse(drops.since)),
            kernel.available,
          )}
        </p>
      )}
      <div className="grid gap-1 pt-1.5 text-12 text-muted">
        {!kernel.available && (
          <p className="text-ink-2">{formatKernelReasonsUnavailable(kernel.detail, kernel.hint)}</p>
        )}
        {kernel.lost > 0 && <p className="text-ink-2">{formatUnattributedDrops(kernel.lost)}</p>}
        {ours.length > 0 && kernel.reasons.length > 0 && <p>{dropsText.countedTwice}</p>}
      </div>
    </>
  );
}

/** Returns the time in ms since which both Podlane's and the kernel's drops are counted. */
const countedBothSince = ({ since, kernel }: PodDrops): number =>
  Math.max(Date.parse(since), Date.parse(kernel.since ?? since));

const formatCountingStart = ({ since, kernel }: PodDrops): string =>
  formatDropsCountedSince(
    formatClockTime(Date.parse(since)),
    kernel.since === null ? null : formatClockTime(Date.parse(kernel.since)),
  );

function Waiting() {
  return (
    <>
      <p className="sr-only" role="status">
        {dropsText.reading}
      </p>
      {['w-40', 'w-28'].map((width) => (
        <span key={width} className="flex h-7 items-center border-line-1 border-t">
          <ValueSkeleton className={width} />
        </span>
      ))}
    </>
  );
}

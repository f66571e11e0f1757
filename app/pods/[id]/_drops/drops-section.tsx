'use client';

import Link from 'next/link';
import type { PodDrops } from '../../../../contract/drops.ts';
import type { Pod } from '../../../../contract/pod.ts';
import { ErrorState } from '../../../_components/error-state.tsx';
import { Skeleton } from '../../../_components/skeleton.tsx';
import { WarningSign } from '../../../_components/warning-sign.tsx';
import { clock, count } from '../../../_lib/format.ts';
import { dropRows } from './drop-rates.ts';
import { DropsTable } from './drops-table.tsx';
import { useDropReadings } from './use-drops.ts';

/** Where the table would stand. */
const sentence = 'flex h-9 items-center border-line-2 border-t text-12 text-ink-2';

/** What of the pod's traffic was lost and why: what our programs dropped, and what the kernel did. */
export function DropsSection({ pod }: { pod: Pod }) {
  const { data, error, refetch } = useDropReadings(pod);
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
          Drop reasons
        </h2>
        {last !== undefined && <span className="truncate text-12 text-muted">{spanOf(last.drops)}</span>}
        <Link
          href={`/verdicts?pod=${pod.namespace}.${pod.name}&verdict=dropped`}
          className="link order-last ml-auto flex-none text-12"
        >
          Verdicts
        </Link>
        {last !== undefined && error !== null && !gone && (
          <span className="flex min-w-0 items-center gap-1.5 text-12 text-ink-2" title={error.message}>
            <WarningSign /> <span className="truncate">not read since {clock(last.at)}</span>
          </span>
        )}
      </div>
      {last !== undefined ? (
        <Counted drops={last.drops} rows={dropRows(data ?? [])} />
      ) : gone ? (
        <p className={sentence}>The pod is gone, and its counts with it.</p>
      ) : error !== null ? (
        <ErrorState error={error} retry={() => void refetch()} />
      ) : (
        <Waiting />
      )}
    </section>
  );
}

function Counted({ drops, rows }: { drops: PodDrops; rows: ReturnType<typeof dropRows> }) {
  const { ours, kernel } = drops;
  return (
    <>
      {rows.length > 0 ? (
        <DropsTable rows={rows} />
      ) : (
        <p className={sentence}>
          {kernel.available
            ? `Nothing was dropped since ${clock(latest(drops))}.`
            : `Podlane’s programs dropped nothing since ${clock(Date.parse(drops.since))}.`}
        </p>
      )}
      <div className="grid gap-1 pt-1.5 text-12 text-muted">
        {!kernel.available && (
          <p className="text-ink-2">
            The kernel’s reasons cannot be read here: {kernel.detail}
            {kernel.hint !== null && ` (${kernel.hint})`}.
          </p>
        )}
        {kernel.lost > 0 && (
          <p className="text-ink-2">
            {count(kernel.lost)} more on this node could not be counted, whichever pod’s they were.
          </p>
        )}
        {ours.length > 0 && kernel.reasons.length > 0 && (
          <p>The kernel counts what Podlane’s programs drop once more, under a reason of its own.</p>
        )}
      </div>
    </>
  );
}

/** When both were counted from. */
const latest = ({ since, kernel }: PodDrops): number =>
  Math.max(Date.parse(since), Date.parse(kernel.since ?? since));

function spanOf({ since, kernel }: PodDrops): string {
  const [ours, kernels] = [since, kernel.since].map((time) => time && clock(Date.parse(time)));
  if (!kernels) return `ours since ${ours}`;
  return ours === kernels ? `since ${ours}` : `ours since ${ours}, the kernel’s since ${kernels}`;
}

function Waiting() {
  return (
    <>
      <p className="sr-only" role="status">
        Reading the drops
      </p>
      {['w-40', 'w-28'].map((width) => (
        <span key={width} className="flex h-7 items-center border-line-1 border-t">
          <Skeleton className={width} />
        </span>
      ))}
    </>
  );
}

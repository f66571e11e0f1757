'use client';

import { debugDumpRetentionHours, maxStoredDebugDumps } from '../../contract/limits.ts';
import { EmptyState } from '../_components/empty-state.tsx';
import { ErrorState } from '../_components/error-state.tsx';
import { ValueSkeleton } from '../_components/skeleton.tsx';
import { useDebugDumps } from '../_lib/debug-dump-queries.ts';
import { CreateDebugDumpForm } from './create-dump.tsx';
import { DebugDumpCard } from './dump-card.tsx';
import { DebugDumpContentsList } from './dump-contents.tsx';
import { debugText } from './text.ts';

/** Page of debug dumps, which are archives of the state of the kernel and the agent. */
export function DebugPage() {
  const { data: dumps, error, refetch } = useDebugDumps();
  const running = dumps?.find(({ state }) => state === 'running');
  return (
    <div className="grid grid-cols-[400px_minmax(0,1fr)] grid-rows-[auto_1fr] gap-y-6 px-(--gutter) py-4 pb-12 max-lg:grid-cols-1 max-lg:grid-rows-none">
      <div className="min-w-0 lg:pr-6">
        <h1 className="font-semibold text-20 tracking-[-.014em]">{debugText.debugDump}</h1>
        <p className="mt-0.5 text-12 text-ink-2">{debugText.debugIntro}</p>
        <CreateDebugDumpForm running={running} />
      </div>
      <section
        aria-labelledby="dumps"
        aria-busy={dumps === undefined && error === null}
        className="min-w-0 lg:row-span-2 lg:border-line-1 lg:border-l lg:pl-6"
      >
        <div className="flex min-h-8 flex-wrap items-center gap-x-3">
          <h2 id="dumps" className="font-semibold">
            {debugText.dumps}
          </h2>
          <span className="text-12 text-muted">
            {debugText.retention(maxStoredDebugDumps, debugDumpRetentionHours)}
          </span>
        </div>
        <div className="border-line-2 border-t">
          {dumps === undefined ? (
            error !== null ? (
              <div className="pt-3">
                <ErrorState error={error} retry={() => void refetch()} />
              </div>
            ) : (
              <div className="flex h-14 items-center">
                <ValueSkeleton className="w-80 max-w-full" />
              </div>
            )
          ) : dumps.length === 0 ? (
            <div className="pt-3">
              <EmptyState title={debugText.noDumps}>{debugText.noDumpsDetail}</EmptyState>
            </div>
          ) : (
            <ul>
              {dumps.map((dump) => (
                <li key={dump.id}>
                  <DebugDumpCard dump={dump} />
                </li>
              ))}
            </ul>
          )}
        </div>
      </section>
      <div className="min-w-0 lg:col-start-1 lg:row-start-2 lg:pr-6">
        <DebugDumpContentsList />
      </div>
    </div>
  );
}

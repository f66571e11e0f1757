'use client';

import Link from 'next/link';
import type { Runtime } from '../../contract/observed-pod.ts';
import { ErrorState } from '../_components/error-state.tsx';
import { ValueSkeleton } from '../_components/skeleton.tsx';
import { WarningIcon } from '../_components/warning-icon.tsx';
import { useRuntimes } from '../_lib/observed-pod-queries.ts';
import { settingsText } from './text.ts';

/** Lists the container runtimes of the node, and whether they answer. */
export function RuntimeList() {
  const { data, error, refetch } = useRuntimes();
  const found = data?.items.filter(({ state }) => state !== 'absent') ?? [];
  return (
    <section aria-labelledby="runtimes" aria-busy={data === undefined && error === null} className="mt-6">
      <h2 id="runtimes" className="font-semibold">
        {settingsText.runtimes}
      </h2>
      <div className="mt-1 border-line-2 border-t">
        {data === undefined ? (
          error !== null ? (
            <div className="pt-3">
              <ErrorState error={error} retry={() => void refetch()} />
            </div>
          ) : (
            <span className="flex h-9 items-center">
              <ValueSkeleton className="w-60" />
            </span>
          )
        ) : (
          <>
            <p className="py-2 text-12 text-ink-2">
              {settingsText.observeModes[data.observe]}{' '}
              <Link href="/pods?show=observed" className="link">
                {settingsText.observedPods}
              </Link>
            </p>
            {found.length === 0 && <p className="pb-2 text-ink-2">{settingsText.noRuntimes}</p>}
            <ul>
              {found.map((runtime) => (
                <RuntimeItem key={runtime.path} runtime={runtime} />
              ))}
            </ul>
            <p className="pt-2 text-12 text-muted [overflow-wrap:anywhere]">
              {settingsText.lookedFor(
                data.items.filter(({ state }) => state === 'absent').map(({ path }) => path),
              )}
            </p>
          </>
        )}
      </div>
    </section>
  );
}

function RuntimeItem({ runtime: { name, version, path, state, detail, pods } }: { runtime: Runtime }) {
  return (
    <li className="flex min-h-9 flex-wrap items-center gap-x-3 border-line-1 border-b py-1">
      <span className="font-[550]">{name}</span>
      {version !== null && <span className="text-12 text-muted">{version}</span>}
      <span className="code text-12 text-ink-2">{path}</span>
      {state === 'connected' ? (
        <span className="text-12 text-ink-2">{settingsText.namedPods(pods)}</span>
      ) : (
        <span className="flex items-center gap-1.5 text-12 text-ink-2">
          <WarningIcon /> {settingsText.unreachable(detail ?? '')}
        </span>
      )}
    </li>
  );
}

'use client';

import type { NodeGuard } from '../../contract/guard.ts';
import { ErrorState } from '../_components/error-state.tsx';
import { GuardThresholdForm } from '../_components/guard-threshold-form.tsx';
import { ValueSkeleton } from '../_components/skeleton.tsx';
import { useNodeGuard, useSetNodeGuard } from '../_lib/guard-queries.ts';
import { settingsText } from './text.ts';

/** Form for the guard thresholds of this node; pods can override them. */
export function GuardSettings() {
  const { data: guard, error, refetch } = useNodeGuard();
  const choose = useSetNodeGuard();
  return (
    <section aria-labelledby="guard" aria-busy={guard === undefined && error === null} className="mt-6">
      <div className="flex flex-wrap items-baseline gap-x-3">
        <h2 id="guard" className="font-semibold">
          {settingsText.automaticFallback}
        </h2>
        {guard !== undefined && <span className="text-12 text-muted">{inWords(guard)}</span>}
      </div>
      <div className="mt-1 border-line-2 border-t pt-3">
        <p className="pb-3 text-12 text-ink-2">{settingsText.fallbackAcceptsLoss}</p>
        {guard !== undefined ? (
          <GuardThresholdForm
            chosen={guard.chosen}
            inherited={guard.defaults}
            from="default"
            save={(choice) => choose.mutate(choice)}
            saving={choose.isPending}
            error={choose.error}
            saved={choose.isSuccess}
          />
        ) : error !== null ? (
          <ErrorState error={error} retry={() => void refetch()} />
        ) : (
          <ValueSkeleton className="w-80" />
        )}
      </div>
    </section>
  );
}

const inWords = ({ pods }: NodeGuard): string =>
  [
    settingsText.podsWatched(pods.watched, pods.watched === 1 ? 'pod' : 'pods'),
    ...(pods.fallenBack > 0 ? [settingsText.podsFallenBack(pods.fallenBack)] : []),
    ...(pods.leftAlone > 0 ? [settingsText.podsNeedingAttention(pods.leftAlone)] : []),
    ...(pods.chosen > 0 ? [settingsText.podsWithOverrides(pods.chosen)] : []),
  ].join(', ');

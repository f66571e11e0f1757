'use client';

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import type { NodeSettings } from '../../contract/settings.ts';
import { ErrorState } from '../_components/error-state.tsx';
import { ValueSkeleton } from '../_components/skeleton.tsx';
import { WarningIcon } from '../_components/warning-icon.tsx';
import { requestApi } from '../_lib/api.ts';
import { useMissingRoleReason } from '../_lib/session-queries.ts';
import { useOptimisticSwitch } from '../_lib/use-optimistic-switch.ts';
import { settingsText } from './text.ts';

const key = ['node', 'settings'] as const;

/** Renders the switch for the same-node redirect. */
export function RedirectSetting() {
  const client = useQueryClient();
  const missingRole = useMissingRoleReason('operator');
  const { data, error, refetch } = useQuery({
    queryKey: key,
    queryFn: ({ signal }) => requestApi<NodeSettings>('/node/settings', { signal }),
  });
  const save = useMutation({
    mutationFn: (settings: NodeSettings) =>
      requestApi<NodeSettings>('/node/settings', { method: 'PUT', body: settings }),
    onSuccess: (settings) => client.setQueryData(key, settings),
  });
  const { checked, pending, choose } = useOptimisticSwitch(data?.redirect ?? false, (redirect) =>
    save.mutateAsync({ ...data, redirect }),
  );
  return (
    <section aria-labelledby="redirect" className="mt-6">
      <h2 id="redirect" className="font-semibold">
        {settingsText.redirectTitle}
      </h2>
      <div className="mt-1 border-line-2 border-t">
        {data !== undefined ? (
          <label className="flex min-h-9 items-start gap-2.5 border-line-1 border-b py-2">
            <input
              type="checkbox"
              className="mt-0.5 size-4 accent-accent"
              checked={checked}
              disabled={pending || missingRole !== null}
              onChange={(event) => choose(event.target.checked)}
            />
            <span>
              {settingsText.redirectLabel}
              <span className="block text-12 text-muted">
                {settingsText.redirectDetail(missingRole !== null ? ` ${missingRole}` : '')}
              </span>
            </span>
          </label>
        ) : error !== null ? (
          <div className="pt-3">
            <ErrorState error={error} retry={() => void refetch()} />
          </div>
        ) : (
          <span className="flex h-9 items-center">
            <ValueSkeleton className="w-60" />
          </span>
        )}
        {save.error !== null && (
          <p role="alert" className="flex items-center gap-1.5 pt-1.5 text-12 text-ink-2">
            <WarningIcon /> {save.error.message}
          </p>
        )}
      </div>
    </section>
  );
}

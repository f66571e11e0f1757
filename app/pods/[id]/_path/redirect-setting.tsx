'use client';

import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useId } from 'react';
import type { PodSettings } from '../../../../contract/settings.ts';
import { formInputClasses } from '../../../_components/form-field.tsx';
import { WarningIcon } from '../../../_components/warning-icon.tsx';
import { requestApi } from '../../../_lib/api.ts';
import { useMissingRoleReason } from '../../../_lib/session-queries.ts';
import { pathText } from './text.ts';

const choices = { node: null, on: true, off: false } as const;
type Choice = keyof typeof choices;

/** Renders the choice of whether packets that a pod sends are redirected: as the node has it, on, or off. */
export function PodRedirectSetting({ podId }: { podId: string }) {
  const client = useQueryClient();
  const id = useId();
  const missingRole = useMissingRoleReason('operator');
  const key = ['pod', podId, 'settings'] as const;
  const path = `/pods/${encodeURIComponent(podId)}/settings`;
  const { data } = useQuery({
    queryKey: key,
    queryFn: ({ signal }) => requestApi<PodSettings>(path, { signal }),
  });
  const save = useMutation({
    mutationFn: (settings: PodSettings) => requestApi<PodSettings>(path, { method: 'PUT', body: settings }),
    onSuccess: (settings) => {
      client.setQueryData(key, settings);
      void client.invalidateQueries({ queryKey: ['pod', podId, 'path'] });
    },
  });
  if (data === undefined) return <div className="h-(--control)" />;
  const { redirect } = save.isPending ? save.variables : data;
  const chosen: Choice = redirect === null ? 'node' : redirect ? 'on' : 'off';
  return (
    <div className="flex flex-wrap items-center gap-x-2.5 gap-y-1 text-12">
      <label htmlFor={id} className="text-ink-2" title={pathText.redirectSettingDetail}>
        {pathText.redirectSetting}
      </label>
      <select
        id={id}
        value={chosen}
        disabled={save.isPending || missingRole !== null}
        title={missingRole ?? undefined}
        onChange={(event) => save.mutate({ redirect: choices[event.target.value as Choice] })}
        className={formInputClasses}
      >
        {(Object.keys(choices) as Choice[]).map((choice) => (
          <option key={choice} value={choice}>
            {pathText.redirectChoices[choice]}
          </option>
        ))}
      </select>
      {save.error !== null && (
        <p role="alert" className="flex items-center gap-1.5 text-ink-2">
          <WarningIcon /> {save.error.message}
        </p>
      )}
    </div>
  );
}

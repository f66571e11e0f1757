'use client';

import { type QueryClient, useMutation, useQueryClient } from '@tanstack/react-query';
import type { Pod } from '../../../../contract/pod.ts';
import type { HookPlacement } from '../../../../contract/settings.ts';
import { showToast } from '../../../_components/toast.tsx';
import { ApiError, requestApi } from '../../../_lib/api.ts';
import { formatHooksMovedDetail, formatHooksMovedTitle, podProgramsText } from './text.ts';

type To = HookPlacement['to'];

/**
 * Moves the programs of a pod's netkit device to other hooks and shows a toast that can undo the move. The caller
 * shows the error.
 */
export function useSetHookPlacement(pod: Pod) {
  const client = useQueryClient();
  return useMutation({ mutationFn: (to: To) => move(client, pod, to) });
}

async function move(client: QueryClient, pod: Pod, to: To): Promise<void> {
  const moved = await requestApi<Pod>(`/pods/${encodeURIComponent(pod.id)}/hooks`, {
    method: 'PUT',
    body: { to },
  });
  for (const key of [pod.id, `${pod.namespace}.${pod.name}`])
    if (client.getQueryData(['pod', key]) !== undefined) client.setQueryData(['pod', key], moved);
  void client.invalidateQueries({ queryKey: ['pod', pod.id, 'path'] });
  void client.invalidateQueries({ queryKey: ['events'] });
  const back: To = to === 'primary' ? 'device' : 'primary';
  showToast({
    tone: 'done',
    title: formatHooksMovedTitle(pod.name),
    detail: formatHooksMovedDetail(moved.hooks),
    action: { label: podProgramsText.undo, run: () => void move(client, pod, back).catch(notifyFailure) },
  });
}

function notifyFailure(error: unknown): void {
  const hint = error instanceof ApiError ? error.hint : undefined;
  showToast({
    tone: 'failed',
    title: error instanceof ApiError ? error.title : podProgramsText.moveBackFailed,
    detail: `${error instanceof Error ? error.message : String(error)}${hint === undefined ? '' : ` ${hint}`}`,
  });
}

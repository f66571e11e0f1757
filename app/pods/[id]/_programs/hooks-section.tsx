'use client';

import { lazy, Suspense, useState } from 'react';
import type { Pod } from '../../../../contract/pod.ts';
import { ButtonWithReason } from '../../../_components/button-with-reason.tsx';
import { useNodeInfo } from '../../../_lib/node-queries.ts';
import { useMissingRoleReason } from '../../../_lib/session-queries.ts';
import { formatFallbackHookDetail, formatMoveHooksLabel, podProgramsText } from './text.ts';

const MoveDialog = lazy(async () => ({ default: (await import('./move-hooks-dialog.tsx')).MoveHooksDialog }));

/**
 * Shows the hooks that a pod's programs are on, and the button that moves the programs; a veth device has only one
 * pair of hooks.
 */
export function HooksSection({ pod }: { pod: Pod }) {
  const [open, setOpen] = useState(false);
  const { data: node } = useNodeInfo();
  const missingRole = useMissingRoleReason('operator');
  const { device } = pod;
  if (device === null) return null;
  if (device.kind === 'veth') return <p className="text-12 text-muted">{podProgramsText.vethHooks}</p>;
  const to = device.hooks === 'netkit' ? 'primary' : 'device';
  const tcx = node?.capabilities.find(({ name }) => name === 'tcx');
  const reason =
    pod.state === 'gone'
      ? podProgramsText.podGone
      : pod.state === 'migrating'
        ? podProgramsText.migrating
        : missingRole;
  return (
    <>
      <p className="text-12 text-ink-2" data-hooks={device.hooks}>
        {device.hooks === 'netkit' ? (
          podProgramsText.netkitHooks
        ) : (
          <>
            <b className="font-[550]">{podProgramsText.attachFallback}</b>
            {formatFallbackHookDetail(device.hooks)}
          </>
        )}
      </p>
      <span className="flex-1 max-md:hidden" />
      <ButtonWithReason reason={reason} onClick={() => setOpen(true)}>
        {formatMoveHooksLabel(to)}
      </ButtonWithReason>
      {open && (
        <Suspense fallback={null}>
          <MoveDialog
            pod={pod}
            device={device}
            to={to}
            primaryHooks={tcx?.available === false ? 'tc' : 'tcx'}
            close={() => setOpen(false)}
          />
        </Suspense>
      )}
    </>
  );
}

'use client';

import { useState } from 'react';
import type { Pod } from '../../../../contract/pod.ts';
import { Button } from '../../../_components/button.tsx';
import { useNode } from '../../../_lib/node-queries.ts';
import { useMissingRole } from '../../../_lib/session-queries.ts';
import { MoveDialog } from './move-dialog.tsx';
import { hookNames, moveLabel } from './move-steps.ts';

/** Where the pod's programs are, and what moves them; a veth has one place for them only. */
export function AttachPoint({ pod }: { pod: Pod }) {
  const [open, setOpen] = useState(false);
  const { data: node } = useNode();
  const lacks = useMissingRole('operator');
  const { device } = pod;
  if (device === null) return null;
  if (device.kind === 'veth')
    return (
      <p className="text-12 text-muted">
        on the primary, where a veth has its hooks: nothing to move between
      </p>
    );
  const to = device.hooks === 'netkit' ? 'primary' : 'device';
  const tcx = node?.capabilities.find(({ name }) => name === 'tcx');
  const reason =
    pod.state === 'gone'
      ? 'the pod is gone'
      : pod.state === 'migrating'
        ? 'a migration of this pod is running'
        : lacks;
  return (
    <>
      <p className="text-12 text-ink-2" data-hooks={device.hooks}>
        {device.hooks === 'netkit' ? (
          'on the netkit hooks'
        ) : (
          <>
            <b className="font-[550]">attach fallback</b>: on {hookNames(device.hooks)} of the primary
          </>
        )}
      </p>
      <span className="flex-1 max-md:hidden" />
      {reason !== null && <p className="text-12 text-muted">{reason}</p>}
      <Button
        size="small"
        className="max-md:h-(--control)"
        disabled={reason !== null}
        onClick={() => setOpen(true)}
      >
        {moveLabel(to)}
      </Button>
      {open && (
        <MoveDialog
          pod={pod}
          device={device}
          to={to}
          primaryHooks={tcx?.available === false ? 'tc' : 'tcx'}
          close={() => setOpen(false)}
        />
      )}
    </>
  );
}

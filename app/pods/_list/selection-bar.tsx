'use client';

import Link from 'next/link';
import type { DeviceKind } from '../../../contract/device.ts';
import type { PodSummary } from '../../../contract/pod.ts';
import { Button } from '../../_components/button.tsx';
import { DeviceKindIcon } from '../../_components/device-kind.tsx';
import { maxLinkedPods, preflightHref } from '../../_lib/preflight-link.ts';
import { useMissingRoleReason } from '../../_lib/session-queries.ts';
import { formatSelectedPods, formatSelectMoreLabel, podListText } from './text.ts';

interface SelectionBarProps {
  pods: readonly PodSummary[];
  /** Number of shown pods that are not selected. */
  unselected: number;
  selectShown: () => void;
  clear: () => void;
  move: (to: DeviceKind) => void;
}

/** Shows the number of selected pods by kind and the actions on them, in a bar above the table's footer. */
export function PodSelectionBar({ pods, unselected, selectShown, clear, move }: SelectionBarProps) {
  const missingRole = useMissingRoleReason('operator');
  if (pods.length === 0) return null;
  const countOf = (kind: DeviceKind): number => pods.filter((pod) => pod.kind === kind).length;
  return (
    <section
      aria-label={podListText.selection}
      className="sticky bottom-8 z-20 flex min-h-11 flex-wrap items-center gap-x-4 gap-y-2 border-line-control border-t bg-surface-1 px-(--gutter) py-2"
    >
      <span className="flex items-center gap-3" role="status">
        <b className="font-semibold tabular-nums">{formatSelectedPods(pods.length)}</b>
        {(['netkit', 'veth'] as const).map((kind) => (
          <span key={kind} className="inline-flex items-center gap-1.5 text-12 text-ink-2 tabular-nums">
            <DeviceKindIcon kind={kind} />
            {countOf(kind)} {kind}
          </span>
        ))}
      </span>
      <span className="flex gap-3 text-12">
        {unselected > 0 && (
          <button type="button" className="link text-ink-2" onClick={selectShown}>
            {formatSelectMoreLabel(unselected)}
          </button>
        )}
        <button type="button" className="link text-ink-2" onClick={clear}>
          {podListText.clear}
        </button>
      </span>
      <span className="flex-1 max-md:hidden" />
      {missingRole !== null && <span className="text-12 text-ink-2">{missingRole}</span>}
      <span className="flex gap-2">
        {pods.length <= maxLinkedPods && (
          <Button asChild>
            <Link href={preflightHref(pods.map(({ namespace, name }) => `${namespace}.${name}`).sort())}>
              {podListText.preflight}
            </Link>
          </Button>
        )}
        <Button disabled={missingRole !== null} onClick={() => move('veth')}>
          {podListText.fallBack}
        </Button>
        <Button disabled={missingRole !== null} onClick={() => move('netkit')}>
          {podListText.promote}
        </Button>
      </span>
    </section>
  );
}

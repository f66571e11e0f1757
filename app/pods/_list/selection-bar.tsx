'use client';

import type { DeviceKind } from '../../../contract/device.ts';
import type { PodSummary } from '../../../contract/pod.ts';
import { Button } from '../../_components/button.tsx';
import { KindGlyph } from '../../_components/kind.tsx';
import { useMissingRole } from '../../_lib/session-queries.ts';
import { podCountLabel } from './_batch/text.ts';

interface SelectionBarProps {
  pods: readonly PodSummary[];
  /** How many of the shown are not selected; null when the filter shows none. */
  unselected: number;
  selectShown: () => void;
  clear: () => void;
  move: (to: DeviceKind) => void;
}

/** What is selected, by kind, and what can be done with it. It stands above the foot while something is. */
export function SelectionBar({ pods, unselected, selectShown, clear, move }: SelectionBarProps) {
  const lacks = useMissingRole('operator');
  if (pods.length === 0) return null;
  const of = (kind: DeviceKind): number => pods.filter((pod) => pod.kind === kind).length;
  return (
    <section
      aria-label="Selection"
      className="sticky bottom-8 z-20 flex min-h-11 flex-wrap items-center gap-x-4 gap-y-2 border-line-control border-t bg-surface-1 px-(--gutter) py-2"
    >
      <span className="flex items-center gap-3" role="status">
        <b className="font-semibold tabular-nums">{podCountLabel(pods.length)} selected</b>
        {(['netkit', 'veth'] as const).map((kind) => (
          <span key={kind} className="inline-flex items-center gap-1.5 text-12 text-ink-2 tabular-nums">
            <KindGlyph kind={kind} />
            {of(kind)} {kind}
          </span>
        ))}
      </span>
      <span className="flex gap-3 text-12">
        {unselected > 0 && (
          <button type="button" className="link text-ink-2" onClick={selectShown}>
            Select {unselected} more shown
          </button>
        )}
        <button type="button" className="link text-ink-2" onClick={clear}>
          Clear
        </button>
      </span>
      <span className="flex-1 max-md:hidden" />
      {lacks !== null && <span className="text-12 text-ink-2">{lacks}</span>}
      <span className="flex gap-2">
        <Button disabled={lacks !== null} onClick={() => move('veth')}>
          Fall back to veth…
        </Button>
        <Button disabled={lacks !== null} onClick={() => move('netkit')}>
          Promote to netkit…
        </Button>
      </span>
    </section>
  );
}

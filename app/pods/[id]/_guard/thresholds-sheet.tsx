'use client';

import type { PodGuard } from '../../../../contract/guard.ts';
import { guardThresholdDefaults } from '../../../../contract/guard-thresholds.ts';
import type { Pod } from '../../../../contract/pod.ts';
import { GuardThresholdForm } from '../../../_components/guard-threshold-form.tsx';
import { SideSheet } from '../../../_components/side-sheet.tsx';
import { useNodeGuard, useSetPodGuard } from '../../../_lib/guard-queries.ts';
import { guardText } from './text.ts';

interface Props {
  pod: Pod;
  guard: PodGuard;
  close: () => void;
}

/** Sheet in which a pod's guard thresholds are edited; thresholds left empty are inherited from the node. */
export function GuardThresholdsSheet({ pod, guard, close }: Props) {
  const choose = useSetPodGuard(pod.id);
  const node = useNodeGuard().data;
  return (
    <SideSheet
      open
      onOpenChange={(open) => !open && close()}
      title={guardText.sheetTitle}
      description={guardText.sheetDescription}
      head={<span className="truncate text-12 text-muted">{pod.name}</span>}
    >
      <div className="p-6 max-md:p-4">
        <GuardThresholdForm
          // The switch beside the sheet changes the choice too.
          key={JSON.stringify(guard.chosen)}
          chosen={guard.chosen}
          inherited={node?.thresholds ?? guardThresholdDefaults}
          from="node"
          save={(choice) => choose.mutate(Object.keys(choice).length === 0 ? null : choice)}
          saving={choose.isPending}
          error={choose.error}
          saved={choose.isSuccess}
        />
      </div>
    </SideSheet>
  );
}

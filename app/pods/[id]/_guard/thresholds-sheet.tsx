'use client';

import type { PodGuard } from '../../../../contract/guard.ts';
import { guardDefaults } from '../../../../contract/guard-thresholds.ts';
import type { Pod } from '../../../../contract/pod.ts';
import { GuardForm } from '../../../_components/guard-form.tsx';
import { Sheet } from '../../../_components/sheet.tsx';
import { useNodeGuard, useSetPodGuard } from '../../../_lib/guard-queries.ts';

interface Props {
  pod: Pod;
  guard: PodGuard;
  open: boolean;
  onOpenChange: (open: boolean) => void;
}

/** What the guard of this pod goes by; where nothing is chosen, the node's. */
export function ThresholdsSheet({ pod, guard, open, onOpenChange }: Props) {
  const choose = useSetPodGuard(pod.id);
  const node = useNodeGuard().data;
  if (!open) return null;
  return (
    <Sheet
      open
      onOpenChange={onOpenChange}
      title="Guard of this pod"
      description="The thresholds of the guard for this pod alone; an empty field is as for the node."
      head={<span className="truncate text-12 text-muted">{pod.name}</span>}
    >
      <div className="p-6 max-md:p-4">
        <GuardForm
          // The switch beside the sheet chooses as well.
          key={JSON.stringify(guard.chosen)}
          chosen={guard.chosen}
          inherited={node?.thresholds ?? guardDefaults}
          from="node"
          save={(choice) => choose.mutate(Object.keys(choice).length === 0 ? null : choice)}
          saving={choose.isPending}
          error={choose.error}
          saved={choose.isSuccess}
        />
      </div>
    </Sheet>
  );
}

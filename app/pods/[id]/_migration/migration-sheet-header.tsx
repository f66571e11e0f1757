import { ArrowRight } from 'lucide-react';
import type { DeviceKind } from '../../../../contract/device.ts';
import { DeviceKindBadge } from '../../../_components/device-kind.tsx';
import { splitGeneratedSuffix } from '../../../_lib/pod-queries.ts';

/** Renders the header of a migration's sheet: the pod, and the device kinds before and after. */
export function MigrationSheetHeader({
  pod,
  from,
  to,
}: {
  pod: { name: string };
  from: DeviceKind;
  to: DeviceKind;
}) {
  const [own, generated] = splitGeneratedSuffix(pod.name);
  return (
    <span className="flex min-w-0 items-center gap-3">
      <span className="truncate text-ink-2 max-md:hidden">
        {own}
        <span className="text-muted">{generated}</span>
      </span>
      <span className="flex items-center gap-2">
        <DeviceKindBadge kind={from} />
        <ArrowRight aria-hidden="true" className="size-3.5 text-muted" strokeWidth={1.6} />
        <span className="sr-only">to</span>
        <DeviceKindBadge kind={to} />
      </span>
    </span>
  );
}

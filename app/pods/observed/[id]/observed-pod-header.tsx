'use client';

import type { ObservedPod } from '../../../../contract/observed-pod.ts';
import { ConditionNotice } from '../../../_components/condition-notice.tsx';
import { DeviceKindBadge } from '../../../_components/device-kind.tsx';
import { LabeledFact, LabeledFactList } from '../../../_components/labeled-fact.tsx';
import { formatClockTime, formatCount, formatElapsedTime, widenNarrowSpaces } from '../../../_lib/format.ts';
import { useCurrentTime } from '../../../_lib/use-current-time.ts';
import { formatRuntime, observedText } from './text.ts';

/** Renders the header of the page of an observed pod: name, mark, and what identifies it at a glance. */
export function ObservedPodHeader({ pod, gone }: { pod: ObservedPod; gone: boolean }) {
  const now = useCurrentTime();
  const runtime = formatRuntime(pod);
  return (
    <header className="border-line-1 border-b px-(--gutter) py-3">
      <div className="flex flex-wrap items-center gap-x-3 gap-y-1">
        <h1 className="break-all font-semibold text-20 tracking-[-.014em] max-md:text-[18px]">{pod.name}</h1>
        <DeviceKindBadge kind="observed" />
        <span className="text-12 text-ink-2">
          {pod.hostNetwork ? observedText.hostNetworkDetail : observedText.markDetail}
        </span>
      </div>
      <div className="mt-1">
        <LabeledFactList>
          {pod.namespace !== null && (
            <LabeledFact label={observedText.namespace}>{pod.namespace}</LabeledFact>
          )}
          {pod.addresses.length > 0 && (
            <LabeledFact label={observedText.address}>
              <span className="code [overflow-wrap:anywhere]">{pod.addresses.join(' ')}</span>
            </LabeledFact>
          )}
          {runtime !== null && <LabeledFact label={observedText.runtime}>{runtime}</LabeledFact>}
          {pod.image !== null && (
            <LabeledFact label={observedText.image}>
              <span className="[overflow-wrap:anywhere]">{pod.image}</span>
            </LabeledFact>
          )}
          {!pod.hostNetwork && (
            <LabeledFact label={observedText.processes}>{formatCount(pod.processes)}</LabeledFact>
          )}
          {pod.countedBy !== null && (
            <LabeledFact label={observedText.countedBy}>{pod.countedBy}</LabeledFact>
          )}
          <LabeledFact label={observedText.since} title={formatClockTime(Date.parse(pod.since))}>
            {now === 0 ? '' : widenNarrowSpaces(formatElapsedTime(now - Date.parse(pod.since)))}
          </LabeledFact>
        </LabeledFactList>
      </div>
      {gone && <ConditionNotice message={observedText.gone} remedy={null} />}
    </header>
  );
}

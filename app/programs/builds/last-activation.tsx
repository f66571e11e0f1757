import { Check } from 'lucide-react';
import type { BuildActivation } from '../../../contract/build.ts';
import { WarningIcon } from '../../_components/warning-icon.tsx';
import { formatClockTime, formatCount, formatDuration } from '../../_lib/format.ts';
import { shortenBuildId } from './short-build-id.ts';
import { buildsText } from './text.ts';

/** Shows the result or progress of the last activation of a build. */
export function LastBuildActivation({ activation }: { activation: BuildActivation }) {
  const { build, from, actor, startedAt, state, error } = activation;
  return (
    <section aria-labelledby="last" className="mt-6">
      <h2 id="last" className="flex min-h-8 items-center gap-3 font-semibold">
        {buildsText.lastActivation}
        <span className="font-normal text-12 text-muted">{buildsText.sinceAgentStart}</span>
      </h2>
      <div className="border-line-2 border-t py-2">
        <p className="flex flex-wrap items-center gap-x-2">
          <span className="code">{shortenBuildId(from)}</span> {buildsText.to}{' '}
          <b className="code font-semibold">{shortenBuildId(build)}</b>
          <span className="text-12 text-muted">
            {buildsText.byActor(actor, formatClockTime(Date.parse(startedAt)))}
          </span>
        </p>
        <ActivationProgressBar activation={activation} />
        {state === 'undone' && error !== null && (
          <p className="mt-1 text-12 text-ink-2 [overflow-wrap:anywhere]">{error}</p>
        )}
      </div>
    </section>
  );
}

/** Shows the progress of a build's activation as a bar and text. */
export function ActivationProgressBar({
  activation: { state, attachments, milliseconds },
}: {
  activation: BuildActivation;
}) {
  const { replaced, total } = attachments;
  const share = total === 0 ? Number(state === 'done') : replaced / total;
  return (
    <div className="mt-1">
      <svg className="h-1 w-full max-w-120" aria-hidden="true">
        <rect width="100%" height="4" rx="1" className="fill-surface-3" />
        <rect
          width={`${share * 100}%`}
          height="4"
          rx="1"
          className={state === 'undone' ? 'fill-signal' : 'fill-accent'}
        />
      </svg>
      <p role="status" className="mt-0.5 flex items-center gap-1.5 text-12 text-ink-2 tabular-nums">
        {state === 'done' && (
          <Check aria-hidden="true" className="size-3.5 text-accent-text" strokeWidth={2.4} />
        )}
        {state === 'undone' && <WarningIcon />}
        {state === 'undone'
          ? buildsText.rolledBack
          : buildsText.replacedOn(formatCount(replaced), formatCount(total))}
        {milliseconds !== null && buildsText.inTime(formatDuration(milliseconds))}
      </p>
    </div>
  );
}

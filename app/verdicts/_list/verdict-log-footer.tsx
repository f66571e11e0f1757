import { KeyboardKey } from '../../_components/button.tsx';
import { WarningIcon } from '../../_components/warning-icon.tsx';
import { formatCount } from '../../_lib/format.ts';
import type { LoadedVerdicts } from '../../_lib/loaded-verdicts.ts';
import { formatPodName } from '../../_lib/packet-labels.ts';
import { sharedText } from '../../_text/shared.ts';
import { verdictsText } from '../text.ts';

/** Renders the footer of the list of verdicts: number shown, size of the log, and lost events. */
export function VerdictLogFooter({ log, failed }: { log: LoadedVerdicts; failed: Error | null }) {
  const { items, size, capacity, losses } = log;
  const lost = losses === null ? 0 : losses.rateLimited + losses.bufferFull;
  return (
    <footer className="sticky bottom-0 z-10 flex min-h-8 flex-wrap items-center gap-x-3 border-line-1 border-t bg-surface-0 px-(--gutter) text-12 text-muted tabular-nums">
      <span className="max-lg:hidden">
        <KeyboardKey>j</KeyboardKey> <KeyboardKey>k</KeyboardKey> {verdictsText.keyHints}
      </span>
      <span className="flex-1" />
      {failed !== null && items !== null && (
        <span className="flex min-w-0 items-center gap-1.5 text-ink-2" title={failed.message}>
          <WarningIcon /> {sharedText.refreshFailed}
        </span>
      )}
      {losses !== null && (
        <span
          className={lost > 0 ? 'text-ink-2' : ''}
          title={[
            verdictsText.rateLimitedPerPod(formatCount(losses.rateLimited)),
            verdictsText.bufferFullDetail(formatCount(losses.bufferFull)),
            ...losses.pods.map(({ pod, packets }) => `${formatPodName(pod)}: ${formatCount(packets)}`),
          ].join('\n')}
        >
          {lost === 0 ? verdictsText.noneLost : verdictsText.notReported(formatCount(lost))}
          {losses.rateLimited > 0 && verdictsText.rateLimited(formatCount(losses.rateLimited))}
          {losses.bufferFull > 0 &&
            verdictsText.bufferFull(losses.rateLimited > 0 ? ',' : ':', formatCount(losses.bufferFull))}
        </span>
      )}
      {capacity > 0 && (
        <span title={verdictsText.logTitle(formatCount(capacity))}>
          {verdictsText.logUsage(formatCount(size), formatCount(capacity))}
        </span>
      )}
      <span role="status">{items !== null && verdictsText.shownCount(formatCount(items.length))}</span>
    </footer>
  );
}

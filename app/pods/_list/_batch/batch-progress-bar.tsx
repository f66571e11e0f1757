import type { BatchCounts, BatchPodState } from '../../../../contract/batch-states.ts';

const segments: [BatchPodState, string][] = [
  ['done', 'fill-accent'],
  ['watched', 'fill-ink-2'],
  ['running', 'fill-ink-1'],
  ['unhealthy', 'fill-signal'],
];

/**
 * Shows the progress of a batch as a bar of migrated, in-progress and unhealthy pods; the text beside it says the
 * same.
 */
export function BatchProgressBar({ counts, className }: { counts: BatchCounts; className: string }) {
  const all = counts.waiting + segments.reduce((sum, [state]) => sum + counts[state], 0);
  let before = 0;
  return (
    <svg aria-hidden="true" className={`h-1 rounded-1 ${className}`}>
      <rect width="100%" height="4" className="fill-surface-3" />
      {segments.map(([state, fill]) => {
        const from = before;
        before += counts[state];
        const per = (pods: number): string => `${(pods / Math.max(all, 1)) * 100}%`;
        return <rect key={state} x={per(from)} width={per(counts[state])} height="4" className={fill} />;
      })}
    </svg>
  );
}

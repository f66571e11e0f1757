import { Ban, Check, Eye } from 'lucide-react';
import type { VerdictKind } from '../../contract/verdict.ts';

export const verdictLabels: Record<VerdictKind, string> = {
  dropped: 'dropped',
  logged: 'logged',
  'would-drop': 'would drop',
  'would-pass': 'would pass',
};

const marks = {
  dropped: { Icon: Ban, tone: 'text-signal-text', icon: 'text-signal' },
  logged: { Icon: Eye, tone: 'text-ink-2', icon: 'text-muted' },
  'would-drop': { Icon: Ban, tone: 'text-ink-2', icon: 'text-muted' },
  'would-pass': { Icon: Check, tone: 'text-ink-2', icon: 'text-muted' },
} as const;

/** What became of a packet, or would have by the draft: a sign and the words. */
export function VerdictMark({ kind }: { kind: VerdictKind }) {
  const { Icon, tone, icon } = marks[kind];
  return (
    <span className={`inline-flex items-baseline gap-1.5 whitespace-nowrap ${tone}`}>
      <Icon aria-hidden="true" className={`size-3.5 self-center ${icon}`} strokeWidth={1.8} />
      {verdictLabels[kind]}
    </span>
  );
}

import { Ban, Check, Eye } from 'lucide-react';
import type { VerdictKind } from '../../contract/verdict.ts';
import { sharedText } from '../_text/shared.ts';

export const verdictLabels: Record<VerdictKind, string> = {
  dropped: 'dropped',
  logged: 'logged',
  'staged-deny': sharedText.wouldDrop,
  'staged-allow': sharedText.wouldPass,
};

const marks = {
  dropped: { Icon: Ban, tone: 'text-signal-text', icon: 'text-signal' },
  logged: { Icon: Eye, tone: 'text-ink-2', icon: 'text-muted' },
  'staged-deny': { Icon: Ban, tone: 'text-ink-2', icon: 'text-muted' },
  'staged-allow': { Icon: Check, tone: 'text-ink-2', icon: 'text-muted' },
} as const;

/** Shows the kind of a verdict as an icon and a word. */
export function VerdictLabel({ kind }: { kind: VerdictKind }) {
  const { Icon, tone, icon } = marks[kind];
  return (
    <span className={`inline-flex items-baseline gap-1.5 whitespace-nowrap ${tone}`}>
      <Icon aria-hidden="true" className={`size-3.5 self-center ${icon}`} strokeWidth={1.8} />
      {verdictLabels[kind]}
    </span>
  );
}

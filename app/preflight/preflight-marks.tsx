import { Ban, Check, CircleMinus, CircleQuestionMark, CircleSlash, Info } from 'lucide-react';
import type { PreflightOutcome, PreflightVerdict } from '../../contract/preflight-reasons.ts';
import { DeviceKindIcon } from '../_components/device-kind.tsx';
import { outcomeLabels, verdictLabels } from './text.ts';

const outcomes = {
  refused: { Icon: Ban, tone: 'font-[550] text-signal-text' },
  unknown: { Icon: CircleQuestionMark, tone: 'font-[550] text-signal-text' },
  loss: { Icon: CircleMinus, tone: 'font-[550]' },
  not_checked: { Icon: CircleSlash, tone: 'text-ink-2' },
  note: { Icon: Info, tone: 'text-muted' },
  passed: { Icon: Check, tone: 'text-muted' },
} as const;

/** Shows an outcome as an icon and a word. */
export function OutcomeLabel({ outcome }: { outcome: PreflightOutcome | 'passed' }) {
  const { Icon, tone } = outcomes[outcome];
  return (
    <span className={`inline-flex items-center gap-1.5 whitespace-nowrap ${tone}`}>
      <Icon
        aria-hidden="true"
        className={`size-3.5 flex-none ${outcome === 'passed' ? 'text-accent-text' : ''}`}
        strokeWidth={outcome === 'passed' ? 2.4 : 1.8}
      />
      {outcomeLabels[outcome]}
    </span>
  );
}

const verdicts = {
  refused: { Icon: Ban, tone: 'text-signal-text' },
  unknown: { Icon: CircleQuestionMark, tone: 'text-signal-text' },
  ready_with_losses: { Icon: CircleMinus, tone: 'text-ink-1' },
  ready: { Icon: Check, tone: 'text-accent-text' },
} as const;

/** Shows a verdict as an icon and a word. */
export function PreflightVerdictLabel({ verdict }: { verdict: PreflightVerdict }) {
  if (verdict === 'on_netkit')
    return (
      <span className="inline-flex items-center gap-1.5 whitespace-nowrap text-ink-2">
        <DeviceKindIcon kind="netkit" className="h-2.5 w-3.5" />
        {verdictLabels[verdict]}
      </span>
    );
  const { Icon, tone } = verdicts[verdict];
  return (
    <span className={`inline-flex items-center gap-1.5 whitespace-nowrap ${tone}`}>
      <Icon aria-hidden="true" className="size-3.5 flex-none" strokeWidth={verdict === 'ready' ? 2.4 : 1.8} />
      {verdictLabels[verdict]}
    </span>
  );
}

import { Ban, Check, CornerDownRight, Eye } from 'lucide-react';

const marks = {
  allow: { Icon: Check, tone: 'text-ink-1', icon: 'text-muted' },
  deny: { Icon: Ban, tone: 'text-signal-text', icon: 'text-signal' },
  log: { Icon: Eye, tone: 'text-ink-2', icon: 'text-muted' },
  default: { Icon: CornerDownRight, tone: 'text-ink-2', icon: 'text-muted' },
} as const;

/** Shows the action of a rule or entry as an icon and a word; `default` means that the default entries decide. */
export function RuleActionLabel({ action }: { action: keyof typeof marks }) {
  const { Icon, tone, icon } = marks[action];
  return (
    <span className={`inline-flex items-baseline gap-1.5 whitespace-nowrap ${tone}`}>
      <Icon aria-hidden="true" className={`size-3.5 self-center ${icon}`} strokeWidth={1.8} />
      {action}
    </span>
  );
}

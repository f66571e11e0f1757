import { Ban, Check, CornerDownRight, Eye } from 'lucide-react';

const marks = {
  allow: { Icon: Check, tone: 'text-ink-1', icon: 'text-muted' },
  deny: { Icon: Ban, tone: 'text-signal-text', icon: 'text-signal' },
  log: { Icon: Eye, tone: 'text-ink-2', icon: 'text-muted' },
  pass: { Icon: CornerDownRight, tone: 'text-ink-2', icon: 'text-muted' },
} as const;

/** What a rule or an entry does with a packet: a sign and the word. `pass`: the next row of entries is asked. */
export function ActionMark({ action }: { action: keyof typeof marks }) {
  const { Icon, tone, icon } = marks[action];
  return (
    <span className={`inline-flex items-baseline gap-1.5 whitespace-nowrap ${tone}`}>
      <Icon aria-hidden="true" className={`size-3.5 self-center ${icon}`} strokeWidth={1.8} />
      {action}
    </span>
  );
}

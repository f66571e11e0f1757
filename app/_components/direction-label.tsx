import { ArrowDownLeft, ArrowUpRight } from 'lucide-react';
import type { Direction } from '../../contract/direction.ts';

/** Shows a packet direction as a word with an arrow into or out of the pod. */
export function DirectionLabel({ direction }: { direction: Direction }) {
  const Arrow = direction === 'ingress' ? ArrowDownLeft : ArrowUpRight;
  return (
    <span className="inline-flex items-baseline gap-1.5 whitespace-nowrap text-ink-2">
      <Arrow aria-hidden="true" className="size-3.5 self-center text-muted" strokeWidth={1.6} />
      {direction}
    </span>
  );
}

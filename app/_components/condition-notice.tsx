import type { Condition } from '../../contract/condition.ts';
import { WarningIcon } from './warning-icon.tsx';

/** Shows a condition of a pod or of the node: what is wrong and, if it is known, what to do. */
export function ConditionNotice({ message, remedy }: Pick<Condition, 'message' | 'remedy'>) {
  return (
    <div className="mt-1 flex items-start gap-1.5 text-12 text-ink-2">
      <WarningIcon />
      <p>
        {message}
        {remedy !== null && <span className="block break-words text-muted">{remedy}</span>}
      </p>
    </div>
  );
}

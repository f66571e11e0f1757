import type { BatchPlan } from '../../../../contract/batch.ts';
import { Button } from '../../../_components/button.tsx';

interface Props {
  plan: BatchPlan | undefined;
  action: string;
  pending: boolean;
  onConfirm: () => void;
  onCancel: () => void;
}

export function PlanFooter({ plan, action, pending, onConfirm, onCancel }: Props) {
  return (
    <>
      <span className="min-w-0 flex-1 text-12 text-muted max-md:flex-none" role="status">
        {plan && words(plan)}
      </span>
      <span className="ml-auto flex flex-wrap justify-end gap-3">
        <Button size="large" onClick={onCancel}>
          Cancel
        </Button>
        <Button look="primary" size="large" disabled={!plan?.allowed || pending} onClick={onConfirm}>
          {action}
        </Button>
      </span>
    </>
  );
}

function words({ counts, slots, allowed }: BatchPlan): string {
  if (counts.waiting === 0) return 'None of the selected pods can be moved.';
  if (!allowed)
    return `${slots.needed} slots are needed meanwhile, ${slots.free} are free: fewer at the same time.`;
  return 'Traffic is watched before and after each; the first unhealthy pod holds the rest.';
}

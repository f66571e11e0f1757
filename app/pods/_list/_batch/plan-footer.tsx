import type { BatchPlan } from '../../../../contract/batch.ts';
import { Button } from '../../../_components/button.tsx';
import { batchAction } from './words.ts';

interface Props {
  plan: BatchPlan | undefined;
  pending: boolean;
  onConfirm: () => void;
  onCancel: () => void;
}

export function PlanFooter({ plan, pending, onConfirm, onCancel }: Props) {
  return (
    <>
      <span className="text-12 text-muted" role="status">
        {plan && words(plan)}
      </span>
      <span className="flex-1" />
      <Button size="large" onClick={onCancel}>
        Cancel
      </Button>
      <Button look="primary" size="large" disabled={!plan?.allowed || pending} onClick={onConfirm}>
        {plan ? batchAction(plan.to, plan.counts.waiting) : 'Move'}
      </Button>
    </>
  );
}

function words({ counts, slots, allowed }: BatchPlan): string {
  if (counts.waiting === 0) return 'None of the selected pods can be moved.';
  if (!allowed)
    return `${slots.needed} slots are needed meanwhile, ${slots.free} are free: fewer at the same time.`;
  return 'Traffic is watched before and after each; the first unhealthy pod holds the rest.';
}

import type { BatchPlan } from '../../../../contract/batch.ts';
import { Button } from '../../../_components/button.tsx';
import { batchText, formatNotEnoughSlots } from './text.ts';

interface Props {
  plan: BatchPlan | undefined;
  action: string;
  pending: boolean;
  onConfirm: () => void;
  onCancel: () => void;
}

/** Renders the buttons that cancel a planned batch or start it. */
export function BatchPlanFooter({ plan, action, pending, onConfirm, onCancel }: Props) {
  return (
    <>
      <span className="min-w-0 flex-1 text-12 text-muted max-md:flex-none" role="status">
        {plan && statusText(plan)}
      </span>
      <span className="ml-auto flex flex-wrap justify-end gap-3">
        <Button size="large" onClick={onCancel}>
          {batchText.cancel}
        </Button>
        <Button look="primary" size="large" disabled={!plan?.allowed || pending} onClick={onConfirm}>
          {action}
        </Button>
      </span>
    </>
  );
}

function statusText({ counts, slots, allowed }: BatchPlan): string {
  if (counts.waiting === 0) return batchText.noneMovable;
  if (!allowed) return formatNotEnoughSlots(slots.needed, slots.free);
  return batchText.watched;
}

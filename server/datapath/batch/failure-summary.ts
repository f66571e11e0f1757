import type { BatchPod } from '../../../contract/batch.ts';
import type { Migration } from '../../../contract/migration.ts';

/** What became of a pod whose migration did not end `done`: a failed one is on its new device once the host sends there. */
export function failureSummary({ state, error, steps }: Migration): {
  code: BatchPod['code'];
  message: string;
  moved: boolean;
} {
  const routed = steps.some((each) => each.step === 'routed-host' && each.state === 'done');
  return {
    code: error?.code ?? null,
    message: `${state} at ${error?.step ?? 'planned'}: ${error?.detail ?? 'the agent’s log has the cause'}`,
    moved: state === 'failed' && routed,
  };
}

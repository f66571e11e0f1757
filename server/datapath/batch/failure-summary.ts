import type { BatchPod } from '../../../contract/batch.ts';
import type { Migration } from '../../../contract/migration.ts';

/** Summarizes a migration that did not end as `done`. A pod whose migration passed `routed-host` counts as moved. */
export function summarizeMigrationFailure({ state, error, steps }: Migration): {
  code: BatchPod['code'];
  message: string;
  moved: boolean;
} {
  const routed = steps.some((each) => each.step === 'routed-host' && each.state === 'done');
  return {
    code: error?.code ?? null,
    message: `${state} at ${error?.step ?? 'planned'}: ${error?.detail ?? 'see the agent’s log for the cause'}`,
    moved: state === 'failed' && routed,
  };
}

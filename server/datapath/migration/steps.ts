import {
  isUndoable,
  type MigrationStep,
  type migrationSteps,
  type PlannedStep,
} from '../../../contract/migration.ts';
import type { KernelContext } from '../kernel-context.ts';
import type { StepAction, StepActions } from './executor.ts';
import type { PlanInput } from './plan.ts';
import { type DeviceMove, type Step, stepContext } from './step.ts';
import { addressed } from './steps/addressed.ts';
import { attached } from './steps/attached.ts';
import { drained } from './steps/drained.ts';
import { made } from './steps/made.ts';
import { planned } from './steps/planned.ts';
import { removed } from './steps/removed.ts';
import { renamed } from './steps/renamed.ts';
import { routedHost } from './steps/routed-host.ts';
import { routedPod } from './steps/routed-pod.ts';
import { verified } from './steps/verified.ts';

/** One step for each name, in the order of the names. */
type StepsOf<Names extends readonly MigrationStep[]> = {
  readonly [Index in keyof Names]: Step<Names[Index]>;
};

const beforeVerified = [
  planned,
  made,
  attached,
  addressed,
  routedPod,
  routedHost,
  drained,
  removed,
  renamed,
] as const;

/**
 * The steps of a migration: plan, script, execution and verification are made from this list. The compiler checks its
 * names and their order against the contract's.
 */
export const steps: StepsOf<typeof migrationSteps> = [...beforeVerified, verified(beforeVerified)];

/** The steps as a plan lists them. Pure: the same input gives the same plan. */
export const planSteps = (input: PlanInput): PlannedStep[] =>
  steps.map((step) => ({
    step: step.name,
    description: step.describe(input),
    undoable: isUndoable(step.name),
    requests: step.requests(input),
  }));

/** The steps' actions on the devices of one move. */
export function stepActions(kernel: KernelContext, move: DeviceMove): StepActions {
  const context = stepContext(kernel, move);
  return Object.fromEntries(
    steps.map((step: Step): [string, StepAction] => [
      step.name,
      {
        do: () => step.run(context),
        ...(step.undo === undefined ? {} : { undo: async () => step.undo?.(context) }),
      },
    ]),
  ) as StepActions;
}

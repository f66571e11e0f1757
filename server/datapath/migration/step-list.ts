import {
  isUndoableStep,
  type MigrationStep,
  type migrationSteps,
  type PlannedStep,
} from '../../../contract/migration.ts';
import type { KernelContext } from '../kernel-context.ts';
import type { MigrationPlanInput } from './plan-types.ts';
import { createStepContext, type DeviceMove, type MigrationStepDefinition } from './step-definition.ts';
import type { MigrationStepAction, MigrationStepActions } from './step-executor.ts';
import { addressedStepDefinition } from './steps/addressed.ts';
import { attachedStepDefinition } from './steps/attached.ts';
import { drainedStepDefinition } from './steps/drained.ts';
import { routedHostStepDefinition } from './steps/host-routes.ts';
import { madeStepDefinition } from './steps/made.ts';
import { plannedStepDefinition } from './steps/planned.ts';
import { routedPodStepDefinition } from './steps/pod-routes.ts';
import { removedStepDefinition } from './steps/removed.ts';
import { renamedStepDefinition } from './steps/renamed.ts';
import { createVerifiedStepDefinition } from './steps/verified.ts';

/** Tuple with one step definition for each step name, in the order of the names. */
type StepsOf<Names extends readonly MigrationStep[]> = {
  readonly [Index in keyof Names]: MigrationStepDefinition<Names[Index]>;
};

const beforeVerified = [
  plannedStepDefinition,
  madeStepDefinition,
  attachedStepDefinition,
  addressedStepDefinition,
  renamedStepDefinition,
  routedPodStepDefinition,
  routedHostStepDefinition,
  drainedStepDefinition,
  removedStepDefinition,
] as const;

/**
 * The steps of a migration: plan, script, execution and verification are made from this list. The compiler checks its
 * names and their order against the contract's.
 */
export const migrationStepDefinitions: StepsOf<typeof migrationSteps> = [
  ...beforeVerified,
  createVerifiedStepDefinition(beforeVerified),
];

/** Lists the steps for a plan. Pure: the same input gives the same plan. */
export const planMigrationSteps = (input: MigrationPlanInput): PlannedStep[] =>
  migrationStepDefinitions.map((step) => ({
    step: step.name,
    description: step.describe(input),
    undoable: isUndoableStep(step.name),
    requests: step.requests(input),
  }));

/** Creates the actions of all migration steps for one device move. */
export function createMigrationStepActions(kernel: KernelContext, move: DeviceMove): MigrationStepActions {
  const context = createStepContext(kernel, move);
  return Object.fromEntries(
    migrationStepDefinitions.map((step: MigrationStepDefinition): [string, MigrationStepAction] => [
      step.name,
      {
        do: () => step.run(context),
        ...(step.undo === undefined ? {} : { undo: async () => step.undo?.(context) }),
      },
    ]),
  ) as MigrationStepActions;
}

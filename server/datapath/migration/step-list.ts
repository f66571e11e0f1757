import {
  isUndoableStep,
  type MigrationStep,
  type migrationSteps,
  type PlannedStep,
} from '../../../contract/migration.ts';
import type { KernelContext } from '../kernel-context.ts';
import type { MigrationPlanInput } from './plan-input.ts';
import { createStepContext, type DeviceMove, type MigrationStepDefinition } from './step-definition.ts';
import type { MigrationStepAction, MigrationStepActions } from './step-executor.ts';
import { addAddressesStep } from './steps/add-addresses.ts';
import { attachProgramsStep } from './steps/attach-programs.ts';
import { createDeviceStep } from './steps/create-device.ts';
import { drainOldDeviceStep } from './steps/drain-old-device.ts';
import { moveRoutesInPodStep } from './steps/move-routes-in-pod.ts';
import { moveRoutesOnHostStep } from './steps/move-routes-on-host.ts';
import { removeOldDeviceStep } from './steps/remove-old-device.ts';
import { startJournalStep } from './steps/start-journal.ts';
import { swapNamesStep } from './steps/swap-names.ts';
import { createVerifyNewDeviceStep } from './steps/verify-new-device.ts';

/** Tuple with one step definition for each step name, in the order of the names. */
type StepsOf<Names extends readonly MigrationStep[]> = {
  readonly [Index in keyof Names]: MigrationStepDefinition<Names[Index]>;
};

const beforeVerified = [
  startJournalStep,
  createDeviceStep,
  attachProgramsStep,
  addAddressesStep,
  swapNamesStep,
  moveRoutesInPodStep,
  moveRoutesOnHostStep,
  drainOldDeviceStep,
  removeOldDeviceStep,
] as const;

/**
 * The steps of a migration: plan, script, execution and verification are made from this list. The compiler checks its
 * names and their order against the contract's.
 */
export const migrationStepDefinitions: StepsOf<typeof migrationSteps> = [
  ...beforeVerified,
  createVerifyNewDeviceStep(beforeVerified),
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

import { releaseSlotPrograms } from '../../device/podlane-programs.ts';
import type { MigrationStepDefinition } from '../step-definition.ts';

/** Starts the migration's journal. This step is undone last, which frees the new device's slot. */
export const startJournalStep: MigrationStepDefinition<'planned'> = {
  name: 'planned',
  describe: () => 'Write the plan to the journal before anything is changed',
  requests: () => [],

  async run({ kernel, from, onStart: starting, readings }) {
    await starting();
    readings.planned = kernel.programs.counters.read(from.slot);
  },

  async undo({ kernel, to, onDeviceRemoved: removed }) {
    await releaseSlotPrograms(kernel, to.slot);
    await removed(to);
  },
};

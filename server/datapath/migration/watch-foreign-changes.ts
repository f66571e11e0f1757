import { ForeignChanges } from '../network-state/foreign-changes.ts';
import { getDeviceEnd } from './device-ends.ts';
import type { MigrationStepContext } from './step-definition.ts';

/** Begins to remember what others change on the new device, from the moment at which they know it by its name. */
export function watchForeignChanges(context: MigrationStepContext): void {
  if (context.foreign) return;
  const { disposables } = context;
  context.foreign = {
    pod: disposables.use(new ForeignChanges(getDeviceEnd(context, 'new', 'pod'))),
    host: disposables.use(new ForeignChanges(getDeviceEnd(context, 'new', 'host'))),
  };
}

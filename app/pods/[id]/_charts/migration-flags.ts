import type { DeviceKind } from '../../../../contract/device.ts';
import type { Migration } from '../../../../contract/migration.ts';

/** Time at which a migration moved a pod's packets from one device kind to the other, as marked in the charts. */
export interface MigrationMark {
  id: string;
  time: number;
  from: DeviceKind;
  to: DeviceKind;
}

/**
 * Returns when a pod's packets moved between devices: the end of each migration step that changed the host's route.
 */
export function findMigrationMarks(migrations: readonly Migration[]): MigrationMark[] {
  return migrations.flatMap(({ id, startedAt, steps, from, to, state }) => {
    const moved = steps.find(({ step }) => step === 'routed-host');
    if (state === 'undone' || moved?.state !== 'done') return [];
    const time = Date.parse(startedAt) + (moved.startedMs ?? 0) + (moved.durationMs ?? 0);
    return [{ id, time, from: from.kind, to: to.kind }];
  });
}

/** Size in px of the flag to the right of a migration's line in a chart. */
export const migrationFlagSize = { width: 42, height: 14 };

/**
 * Returns the left edges of migration flags for lines at `xs`, oldest first; null for a flag that would cover a newer
 * one.
 */
export function placeMigrationFlags(xs: readonly number[], width: number): (number | null)[] {
  const taken: number[] = [];
  return xs
    .toReversed()
    .map((x) => {
      // Near the right edge the flag stands to the left of its line.
      const left = x + migrationFlagSize.width > width ? x - migrationFlagSize.width : x + 1;
      if (taken.some((other) => Math.abs(other - left) < migrationFlagSize.width)) return null;
      taken.push(left);
      return left;
    })
    .toReversed();
}

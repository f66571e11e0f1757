import type { DeviceKind } from '../../../../contract/device.ts';
import type { Migration } from '../../../../contract/migration.ts';

/** The moment a pod went over from one kind to the other. */
export interface MigrationMark {
  id: string;
  time: number;
  from: DeviceKind;
  to: DeviceKind;
}

/** When the pod's packets went over: the end of the step that moved the host's route. */
export function migrationMarks(migrations: readonly Migration[]): MigrationMark[] {
  return migrations.flatMap(({ id, startedAt, steps, from, to, state }) => {
    const moved = steps.find(({ step }) => step === 'routed-host');
    if (state === 'undone' || moved?.state !== 'done') return [];
    const time = Date.parse(startedAt) + (moved.startedMs ?? 0) + (moved.durationMs ?? 0);
    return [{ id, time, from: from.kind, to: to.kind }];
  });
}

/** A flag hangs to the right of its pole, px. */
export const flagSize = { width: 42, height: 14 };

/** Left edges of the flags of poles, oldest first; null where it would cover that of a newer one. */
export function flagPositions(poles: readonly number[], width: number): (number | null)[] {
  const taken: number[] = [];
  return poles
    .toReversed()
    .map((x) => {
      // Near the right edge it hangs on the other side.
      const left = x + flagSize.width > width ? x - flagSize.width : x + 1;
      if (taken.some((other) => Math.abs(other - left) < flagSize.width)) return null;
      taken.push(left);
      return left;
    })
    .toReversed();
}

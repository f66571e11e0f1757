import { availableParallelism } from 'node:os';
import { testLevelRunsInGuest } from './levels.ts';

/**
 * Stages of lanes of levels. The lanes of a stage run side by side, the levels of a lane one after the other.
 * An emulated guest keeps one processor busy, so it has a lane of its own; the browser tests with a guest of their own
 * have a stage of their own.
 */
const stages: readonly (readonly (readonly string[])[])[] = [
  [['check', 'unit']],
  [['kernel', 'runtime', 'e2e'], ['vm']],
  [['lab']],
  [['kubernetes']],
];

/**
 * Picks the stages of the wanted levels. With one processor, or without an emulated guest (whose tests then share the
 * machine's devices with the others), lanes follow one another.
 */
export function planTestStages(
  wanted: readonly string[],
  { processors = availableParallelism(), guest = testLevelRunsInGuest('vm') } = {},
): string[][][] {
  const parallel = processors > 1 && guest;
  return stages
    .flatMap((lanes) => (parallel ? [lanes] : lanes.map((lane) => [lane])))
    .map((lanes) =>
      lanes.map((lane) => lane.filter((level) => wanted.includes(level))).filter((lane) => lane.length > 0),
    )
    .filter((lanes) => lanes.length > 0);
}

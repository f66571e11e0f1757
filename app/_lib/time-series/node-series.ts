import type { NodeSample } from '../../../contract/node.ts';

/** A node sample with the mean run time of each program since the previous sample. */
export interface NodeSeriesPoint {
  sample: NodeSample;
  /** Mean run time in ns by program id; programs that did not run are left out. */
  nsPerRun: ReadonlyMap<number, number>;
}

/** Creates a store of the last `capacity` node samples, oldest first. */
export function createNodeTimeSeries(capacity: number) {
  const points: NodeSeriesPoint[] = [];
  return {
    points: points as readonly NodeSeriesPoint[],
    get latest(): NodeSeriesPoint | null {
      return points.at(-1) ?? null;
    },
    /** Adds a node sample. @returns false if the sample was ignored because it is not newer than the last one */
    push(sample: NodeSample): boolean {
      const last = points.at(-1);
      if (last !== undefined && sample.time <= last.sample.time) return false;
      points.push({ sample, nsPerRun: meanRunTimes(last?.sample, sample) });
      if (points.length > capacity) points.shift();
      return true;
    },
  };
}

function meanRunTimes(before: NodeSample | undefined, after: NodeSample): Map<number, number> {
  const result = new Map<number, number>();
  const previous = new Map(before?.programs.map((program) => [program.id, program]));
  for (const { id, runCount, runTimeNs } of after.programs) {
    const first = previous.get(id);
    if (first === undefined) continue;
    const runs = runCount - first.runCount;
    const ns = runTimeNs - first.runTimeNs;
    if (runs > 0 && ns >= 0) result.set(id, ns / runs);
  }
  return result;
}

/** Returns the share of all cores that softirqs used in the last second, 0 to 1; NaN without a sample. */
export function computeSoftirqCpuShare(sample: NodeSample | null): number {
  if (sample === null || sample.cpus.length === 0) return Number.NaN;
  return sample.cpus.reduce((sum, cpu) => sum + cpu.softirq, 0) / sample.cpus.length;
}

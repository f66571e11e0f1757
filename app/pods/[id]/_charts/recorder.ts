import type { DeviceKind } from '../../../../contract/device.ts';
import { dropColumns, dropReasons } from '../../../../contract/sample-frame.ts';
import type { PodHistory, PodRates } from '../../../_lib/time-series/pod-series.ts';
import type { ChartPoint } from './downsample.ts';

/** What the frames of one second say about a pod, before the programs' cost is known. */
export interface PodReading {
  time: number;
  kind: DeviceKind;
  egressPackets: number;
  ingressPackets: number;
  egressBits: number;
  ingressBits: number;
  egressDroppedPackets: number;
  ingressDroppedPackets: number;
  drops: readonly number[];
}

/** ns per run by program id, as the mean over the second that ended at `time`. */
export interface CostReading {
  time: number;
  ns: ReadonlyMap<number, number>;
}

/** Which programs run for a pod on a kind: the first of ours in each direction. */
export interface ProgramIds {
  out: number | null;
  in: number | null;
}

export type Recorder = ReturnType<typeof createRecorder>;

/** Keeps the last `capacity` seconds of one pod; what is older is forgotten. */
export function createRecorder(capacity: number) {
  const readings: PodReading[] = [];
  const costs: CostReading[] = [];

  function add(reading: PodReading): boolean {
    const last = readings.at(-1);
    if (last !== undefined && reading.time <= last.time) return false;
    readings.push(reading);
    if (readings.length > capacity) readings.shift();
    return true;
  }

  return {
    readings: readings as readonly PodReading[],
    /** @returns false when the reading is not newer than the last one, or has no earlier one to compare with */
    addRates: (rates: PodRates): boolean => !Number.isNaN(rates.egressPackets) && add(readingOf(rates)),
    /** Takes over what the tab has kept of the pod while its page was not open. */
    addHistory(history: PodHistory): void {
      for (const [index, time] of history.times.entries()) {
        const kind = history.kinds[index]!;
        if (Number.isNaN(time) || Number.isNaN(kind) || Number.isNaN(history.egressPackets[index]!)) continue;
        add({
          time,
          kind: kind === 1 ? 'veth' : 'netkit',
          egressPackets: history.egressPackets[index]!,
          ingressPackets: history.ingressPackets[index]!,
          egressBits: history.egressBits[index]!,
          ingressBits: history.ingressBits[index]!,
          egressDroppedPackets: history.egressDroppedPackets[index]!,
          ingressDroppedPackets: history.ingressDroppedPackets[index]!,
          drops: dropReasons.map((reason) => history[dropColumns[reason]][index]!),
        });
      }
    },
    addCosts(cost: CostReading): void {
      if (cost.time <= (costs.at(-1)?.time ?? 0)) return;
      costs.push(cost);
      if (costs.length > capacity) costs.shift();
    },
    /** Readings since `from`, each with the cost of the programs that ran on its kind. */
    points(from: number, programs: Readonly<Record<DeviceKind, ProgramIds>>): ChartPoint[] {
      return joinCosts(
        readings.filter(({ time }) => time >= from),
        costs,
        programs,
      );
    },
  };
}

const readingOf = (rates: PodRates): PodReading => ({
  time: rates.time,
  kind: rates.kind,
  egressPackets: rates.egressPackets,
  ingressPackets: rates.ingressPackets,
  egressBits: rates.egressBits,
  ingressBits: rates.ingressBits,
  egressDroppedPackets: rates.egressDroppedPackets,
  ingressDroppedPackets: rates.ingressDroppedPackets,
  drops: dropReasons.map((reason) => rates[dropColumns[reason]]),
});

/** Node samples and frames are read in the same sweep; further apart they are not of one second. */
const sameSecond = 1500;

/**
 * Gives each reading its cost. A program's run time is known for the whole node; the pod's part of it is
 * its own number of runs times the mean time of a run. Both lists are in order of time.
 */
function joinCosts(
  readings: readonly PodReading[],
  costs: readonly CostReading[],
  programs: Readonly<Record<DeviceKind, ProgramIds>>,
): ChartPoint[] {
  let index = 0;
  return readings.map((reading) => {
    while (
      index + 1 < costs.length &&
      Math.abs(costs[index + 1]!.time - reading.time) <= Math.abs(costs[index]!.time - reading.time)
    )
      index++;
    const cost = costs[index];
    const near = cost !== undefined && Math.abs(cost.time - reading.time) <= sameSecond;
    const ns = (id: number | null): number | null => (near && id !== null ? (cost.ns.get(id) ?? null) : null);
    const { out, in: inward } = programs[reading.kind];
    const nsOut = ns(out);
    const nsIn = ns(inward);
    const core = (each: number | null, runs: number): number | null =>
      each === null ? null : (each * runs) / 1e9;
    return {
      time: reading.time,
      kind: reading.kind,
      egressPackets: reading.egressPackets,
      ingressPackets: reading.ingressPackets,
      egressBits: reading.egressBits,
      ingressBits: reading.ingressBits,
      drops: reading.drops,
      nsOut,
      nsIn,
      egressCores: core(nsOut, reading.egressPackets + reading.egressDroppedPackets),
      ingressCores: core(nsIn, reading.ingressPackets + reading.ingressDroppedPackets),
    };
  });
}

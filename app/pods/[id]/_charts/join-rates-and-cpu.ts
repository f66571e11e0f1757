import { dropReasons } from '../../../../contract/counter-table.ts';
import type { DeviceKind } from '../../../../contract/device.ts';
import type { Direction } from '../../../../contract/direction.ts';
import type { NodeSeriesPoint } from '../../../_lib/time-series/node-series.ts';
import type { PodRateHistory } from '../../../_lib/time-series/pod-rates.ts';

/** Rates of a pod over the second that ended at `time` (ms since the epoch). */
export interface ChartPoint {
  time: number;
  kind: DeviceKind;
  egressPackets: number;
  ingressPackets: number;
  egressBits: number;
  ingressBits: number;
  /** Packets per second that Podlane's programs dropped in both directions, in the order of `dropReasons`. */
  drops: readonly number[];
  /** Share of a core that the egress program used for this pod, 0 to 1; null while run times are not measured. */
  egressCores: number | null;
  ingressCores: number | null;
  /** Mean run time of the egress program in ns, over all its runs on the node. */
  egressNsPerRun: number | null;
  ingressNsPerRun: number | null;
}

/** Ids of Podlane's programs on a pod's device by direction; null if no such program is attached. */
export type ProgramIdByDirection = Record<Direction, number | null>;

/** Maximum time in ms between a node sample and a frame of the same second, since both are read in one sweep. */
const sameSecondMs = 1500;

/**
 * Joins a pod's rates from `since` on with the CPU time of the programs on its device at that time. A program's run
 * time is known only for the whole node, so the pod's share is its number of runs times the mean time of a run.
 */
export function joinRatesWithCpuTime(
  history: PodRateHistory,
  nodePoints: readonly NodeSeriesPoint[],
  programs: Readonly<Record<DeviceKind, ProgramIdByDirection>>,
  since: number,
): ChartPoint[] {
  const points: ChartPoint[] = [];
  const rate = (name: Exclude<keyof PodRateHistory, 'times' | 'kinds'>, index: number): number =>
    history[name][index] ?? Number.NaN;
  let node = 0;
  for (const [index, time] of history.times.entries()) {
    const kindCode = history.kinds[index] ?? Number.NaN;
    const egressPackets = rate('egressPackets', index);
    if (!(time >= since) || Number.isNaN(kindCode) || Number.isNaN(egressPackets)) continue;
    node = nearestNodePoint(nodePoints, time, node);
    const { nsPerRun, sample } = nodePoints[node] ?? {};
    const isNear = sample !== undefined && Math.abs(sample.time - time) <= sameSecondMs;
    const kind: DeviceKind = kindCode === 1 ? 'veth' : 'netkit';
    const cost = (id: number | null): number | null =>
      isNear && id !== null ? (nsPerRun?.get(id) ?? null) : null;
    const egressNsPerRun = cost(programs[kind].egress);
    const ingressNsPerRun = cost(programs[kind].ingress);
    const ingressPackets = rate('ingressPackets', index);
    points.push({
      time,
      kind,
      egressPackets,
      ingressPackets,
      egressBits: rate('egressBits', index),
      ingressBits: rate('ingressBits', index),
      drops: dropReasons.map((reason) => rate(`droppedPackets.${reason}`, index)),
      egressNsPerRun,
      ingressNsPerRun,
      egressCores: cores(egressNsPerRun, egressPackets + rate('egressDroppedPackets', index)),
      ingressCores: cores(ingressNsPerRun, ingressPackets + rate('ingressDroppedPackets', index)),
    });
  }
  return points;
}

const cores = (nsPerRun: number | null, runs: number): number | null =>
  nsPerRun === null ? null : (nsPerRun * runs) / 1e9;

/**
 * Returns the index of the node sample nearest to a time, searching from `start`; the samples are in order of time.
 */
function nearestNodePoint(points: readonly NodeSeriesPoint[], time: number, start: number): number {
  const distance = (index: number): number =>
    Math.abs((points[index]?.sample.time ?? Number.POSITIVE_INFINITY) - time);
  let index = start;
  while (index + 1 < points.length && distance(index + 1) <= distance(index)) index++;
  return index;
}

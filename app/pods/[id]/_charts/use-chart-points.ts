'use client';

import { useEffect, useMemo, useState } from 'react';
import type { DeviceKind } from '../../../../contract/device.ts';
import type { Pod } from '../../../../contract/pod.ts';
import { nodeSeries, podSeries } from '../../../_lib/time-series/store.ts';
import { useSampleVersion } from '../../../_lib/time-series/use-time-series.ts';
import { hookDirection } from '../_path/hook-direction.ts';
import { type ChartPoint, chartPoints, type ProgramIds } from './chart-points.ts';

/** Points of a pod from `since` on (ms since the epoch), new with every sample. */
export function useChartPoints(pod: Pod, since: number): ChartPoint[] {
  const version = useSampleVersion();
  const programs = useProgramIds(pod);
  useEffect(() => podSeries.keepLonger(pod.number), [pod.number]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the series change with every version
  return useMemo(
    () => chartPoints(podSeries.history(pod.number, podSeries.length), nodeSeries.points, programs, since),
    [pod.number, programs, since, version],
  );
}

const noPrograms: ProgramIds = { egress: null, ingress: null };

/**
 * Ids of the programs that run for a pod, by device kind. All devices of a kind share them, so those of the kind that
 * the pod had before a migration stay known.
 */
function useProgramIds(pod: Pod): Record<DeviceKind, ProgramIds> {
  const { device } = pod;
  const [ids, setIds] = useState<Record<DeviceKind, ProgramIds>>({ netkit: noPrograms, veth: noPrograms });
  if (device === null) return ids;
  const current = attachedIds(device.programs);
  const known = ids[device.kind];
  if (current.egress === known.egress && current.ingress === known.ingress) return ids;
  const next = { ...ids, [device.kind]: current };
  setIds(next);
  return next;
}

function attachedIds(programs: NonNullable<Pod['device']>['programs']): ProgramIds {
  const ours = programs.filter((program) => program.ours);
  return {
    egress: ours.find(({ hook }) => hookDirection(hook) === 'egress')?.id ?? null,
    ingress: ours.find(({ hook }) => hookDirection(hook) === 'ingress')?.id ?? null,
  };
}

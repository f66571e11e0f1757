'use client';

import { useEffect, useMemo, useState } from 'react';
import type { DeviceKind } from '../../../../contract/device.ts';
import type { Pod } from '../../../../contract/pod.ts';
import { nodeTimeSeries, podTimeSeries } from '../../../_lib/time-series/sample-store.ts';
import { useSampleFrameCount } from '../../../_lib/time-series/use-time-series.ts';
import { getHookDirection } from '../_path/hook-direction.ts';
import { type ChartPoint, joinRatesWithCpuTime, type ProgramIdByDirection } from './join-rates-and-cpu.ts';

/** Returns a pod's chart points from `since` (ms since the epoch) on, updated with every sample. */
export function useChartPoints(pod: Pod, since: number): ChartPoint[] {
  const version = useSampleFrameCount();
  const programs = useProgramIds(pod);
  useEffect(() => podTimeSeries.keepLonger(pod.number), [pod.number]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the series change with every version
  return useMemo(
    () =>
      joinRatesWithCpuTime(
        podTimeSeries.history(pod.number, podTimeSeries.length),
        nodeTimeSeries.points,
        programs,
        since,
      ),
    [pod.number, programs, since, version],
  );
}

const noPrograms: ProgramIdByDirection = { egress: null, ingress: null };

/**
 * Returns the ids of Podlane's programs by device kind. All devices of a kind share them, so the ids of the kind that
 * the pod had before a migration remain known.
 */
function useProgramIds(pod: Pod): Record<DeviceKind, ProgramIdByDirection> {
  const { device } = pod;
  const [ids, setIds] = useState<Record<DeviceKind, ProgramIdByDirection>>({
    netkit: noPrograms,
    veth: noPrograms,
  });
  if (device === null) return ids;
  const current = attachedIds(device.programs);
  const known = ids[device.kind];
  if (current.egress === known.egress && current.ingress === known.ingress) return ids;
  const next = { ...ids, [device.kind]: current };
  setIds(next);
  return next;
}

function attachedIds(programs: NonNullable<Pod['device']>['programs']): ProgramIdByDirection {
  const ours = programs.filter((program) => program.ours);
  return {
    egress: ours.find(({ hook }) => getHookDirection(hook) === 'egress')?.id ?? null,
    ingress: ours.find(({ hook }) => getHookDirection(hook) === 'ingress')?.id ?? null,
  };
}

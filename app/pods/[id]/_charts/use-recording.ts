'use client';

import { useEffect, useMemo, useState } from 'react';
import type { DeviceKind } from '../../../../contract/device.ts';
import type { NodeSample } from '../../../../contract/node.ts';
import type { Pod } from '../../../../contract/pod.ts';
import { liveConnection } from '../../../_lib/live-connection.ts';
import { nodeSampleHistory, programRates } from '../../../_lib/time-series/node-samples.ts';
import { onSample, podSeries } from '../../../_lib/time-series/pod-samples.ts';
import { hookDirection } from '../_path/hook-direction.ts';
import { createRecorder, type ProgramIds, type Recorder } from './recorder.ts';

/** Half an hour and a little, at one sample a second. */
const capacity = 1860;
const recorders = new Map<string, Recorder>();

/** The recording of a pod, kept while the tab stands; empty before the first sample. */
function recorderOf(id: string): Recorder {
  const known = recorders.get(id);
  if (known !== undefined) return known;
  const recorder = createRecorder(capacity);
  recorders.set(id, recorder);
  return recorder;
}

/** Records a pod while its page is open. `version` grows with every second recorded. */
export function useRecording(pod: { id: string; number: number }): { recorder: Recorder; version: number } {
  const recorder = recorderOf(pod.id);
  const [version, setVersion] = useState(0);
  useEffect(() => {
    recorder.addHistory(podSeries.history(pod.number, 420));
    const kept = nodeSampleHistory();
    for (let index = 1; index < kept.length; index++) addCosts(recorder, kept[index - 1]!, kept[index]!);
    setVersion((before) => before + 1);
    const stops = [
      onSample(() => {
        const rates = podSeries.rates(pod.number);
        if (rates !== null && recorder.addRates(rates)) setVersion((before) => before + 1);
      }),
      liveConnection().onMessage((message) => {
        if (message.type !== 'node') return;
        // The store and this listener hear of the same sample in no fixed order.
        const before = nodeSampleHistory().findLast(({ time }) => time < message.sample.time);
        if (before !== undefined) addCosts(recorder, before, message.sample);
      }),
    ];
    return () => {
      for (const stop of stops) stop();
    };
  }, [recorder, pod.number]);
  return { recorder, version };
}

function addCosts(recorder: Recorder, before: NodeSample, after: NodeSample): void {
  const ns = new Map<number, number>();
  for (const { id } of after.programs) {
    const rates = programRates(id, before, after);
    if (rates !== null && !Number.isNaN(rates.nsPerRun)) ns.set(id, rates.nsPerRun);
  }
  recorder.addCosts({ time: after.time, ns });
}

const unknown: ProgramIds = { out: null, in: null };

/**
 * The programs that run for a pod, by kind. All devices of a kind share them, so those of a kind the pod
 * has left stay known.
 */
export function useProgramIds(pod: Pod): Record<DeviceKind, ProgramIds> {
  const [ids, setIds] = useState<Record<DeviceKind, ProgramIds>>({ netkit: unknown, veth: unknown });
  const { device } = pod;
  const current = useMemo(
    () => (device === null ? null : { kind: device.kind, ...idsOf(device.programs) }),
    [device],
  );
  useEffect(() => {
    if (current === null) return;
    const { kind, out, in: inward } = current;
    setIds((before) =>
      before[kind].out === out && before[kind].in === inward
        ? before
        : { ...before, [kind]: { out, in: inward } },
    );
  }, [current]);
  return ids;
}

function idsOf(programs: NonNullable<Pod['device']>['programs']): ProgramIds {
  const ours = programs.filter((program) => program.ours);
  return {
    out: ours.find(({ hook }) => hookDirection(hook) === 'egress')?.id ?? null,
    in: ours.find(({ hook }) => hookDirection(hook) === 'ingress')?.id ?? null,
  };
}

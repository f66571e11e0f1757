'use client';

import { useQuery } from '@tanstack/react-query';
import { useSyncExternalStore } from 'react';
import type { Node, NodeSample } from '../../../contract/node.ts';
import { callApi } from '../api.ts';
import { liveConnection } from '../live-connection.ts';

/** What one program did in one second. `cpu` is its share of one core, 0 to 1. */
export interface ProgramRates {
  time: number;
  runsPerSecond: number;
  nsPerRun: number;
  cpu: number;
}

const capacity = 420;
const history: NodeSample[] = [];
const listeners = new Set<() => void>();

function onNodeSample(listener: () => void): () => void {
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
}

/** Starts taking node samples from the stream, once for the tab; gives back what stops it. */
export function startNodeSampleUpdates(): () => void {
  const stream = liveConnection();
  const stops = [
    stream.onMessage((message) => {
      if (message.type !== 'node') return;
      const last = history.at(-1);
      // An agent that was started again counts its samples from the start.
      if (last !== undefined && message.sample.time <= last.time) return;
      history.push(message.sample);
      if (history.length > capacity) history.shift();
      for (const listener of listeners) listener();
    }),
    stream.subscribe({ topic: 'node' }),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

/** What the node is: name, kernel, capabilities, versions. */
export const useNode = () =>
  useQuery({ queryKey: ['node'], queryFn: ({ signal }) => callApi<Node>('/node', { signal }) });

/** The last node sample; null before the first. */
export const useNodeSample = (): NodeSample | null =>
  useSyncExternalStore(
    onNodeSample,
    () => history.at(-1) ?? null,
    () => null,
  );

/** Node samples of the last seven minutes, oldest first. The array is the same one, longer: read it anew after `useNodeSample`. */
export const nodeSampleHistory = (): readonly NodeSample[] => history;

/** What a program did between two node samples; null when one of them lacks it. */
export function programRates(id: number, before: NodeSample, after: NodeSample): ProgramRates | null {
  const first = before.programs.find((program) => program.id === id);
  const last = after.programs.find((program) => program.id === id);
  const seconds = (after.time - before.time) / 1000;
  if (first === undefined || last === undefined || seconds <= 0) return null;
  const runs = last.runCount - first.runCount;
  const ns = last.runTimeNs - first.runTimeNs;
  if (runs < 0 || ns < 0) return null;
  return {
    time: after.time,
    runsPerSecond: runs / seconds,
    nsPerRun: runs === 0 ? Number.NaN : ns / runs,
    cpu: ns / 1e9 / seconds,
  };
}

/** What a program does now; null before the second sample. */
export function useProgramRates(id: number): ProgramRates | null {
  useNodeSample();
  const [before, after] = history.slice(-2);
  return before === undefined || after === undefined ? null : programRates(id, before, after);
}

/** Share of all cores that softirq took in the last second, 0 to 1; NaN before the first sample. */
export function softirqShare(sample: NodeSample | null): number {
  if (sample === null || sample.cpus.length === 0) return Number.NaN;
  return sample.cpus.reduce((sum, cpu) => sum + cpu.softirq, 0) / sample.cpus.length;
}

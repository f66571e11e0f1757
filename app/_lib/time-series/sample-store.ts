import { decodeSampleFrame, sampleFrameKinds } from '../../../contract/sample-frame.ts';
import { getLiveConnection } from '../live-connection.ts';
import { createNodeTimeSeries } from './node-series.ts';
import { createPodTimeSeries } from './pod-series.ts';

/** Number of samples stored for 31 minutes, at one sample a second. */
const longSeconds = 1860;

/** Rates of all pods at 1 Hz: the last 7 minutes, or 31 minutes for pods whose page has been opened. */
export const podTimeSeries = createPodTimeSeries({
  capacity: 420,
  longCapacity: longSeconds,
  periodMs: 1000,
});
/** Rates of observed pods at 1 Hz over the last 7 minutes, while a page shows them. */
export const observedTimeSeries = createPodTimeSeries({ capacity: 420, periodMs: 1000 });
/** Numbers of observed pods start here, those of Podlane's own pods are below. */
const firstObservedNumber = 2 ** 31;
const isObservedNumber = (number: number): boolean => number >= firstObservedNumber;
/** Returns the store that has the rates of a pod, Podlane's own or observed. */
export const timeSeriesOf = (number: number): typeof podTimeSeries =>
  isObservedNumber(number) ? observedTimeSeries : podTimeSeries;
/** Samples of the node at 1 Hz over the last 31 minutes. */
export const nodeTimeSeries = createNodeTimeSeries(longSeconds);

/** Sequence number and times of the last sample frame, and the number of frames skipped for this client. */
export interface LastSampleFrameTiming {
  sequence: number;
  /** Time on the node at which the frame's counters were read, ms since the epoch. */
  time: number;
  /** Time in the browser at which the frame was received, ms since the epoch. */
  receivedAt: number;
  skipped: number;
}

/** Age in ms from which the last sample counts as stale. */
export const sampleStaleAfterMs = 3000;

let clock: LastSampleFrameTiming | null = null;
let skipped = 0;
const sampleListeners = new Set<() => void>();
const observedListeners = new Set<() => void>();
const nodeListeners = new Set<() => void>();

function listen(listeners: Set<() => void>, listener: () => void): () => void {
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
}

/** Calls `listener` after each sample frame with all pods. @returns a function that stops the calls */
export const onSampleFrame = (listener: () => void): (() => void) => listen(sampleListeners, listener);
/** Calls `listener` after each sample frame with a pod of this number. @returns a function that stops the calls */
export const onSampleFrameOf =
  (number: number) =>
  (listener: () => void): (() => void) =>
    listen(isObservedNumber(number) ? observedListeners : sampleListeners, listener);
/** Calls `listener` after each node sample. @returns a function that stops the calls */
export const onNodeSample = (listener: () => void): (() => void) => listen(nodeListeners, listener);

/** Returns the sequence number and times of the last sample frame; null before the first one. */
export const getLastSampleFrameTiming = (): LastSampleFrameTiming | null => clock;

/** Returns the age of the last sample frame in ms; null before the first one. */
export const getLastSampleFrameAge = (): number | null =>
  clock === null ? null : Math.max(0, Date.now() - clock.receivedAt);

function receiveFrame(buffer: ArrayBuffer): void {
  const frame = decodeSampleFrame(buffer);
  if (frame.kind === sampleFrameKinds.observed && observedTimeSeries.push(frame))
    for (const listener of observedListeners) listener();
  if (frame.kind !== sampleFrameKinds.all || !podTimeSeries.push(frame)) return;
  clock = {
    sequence: Number(frame.sequence),
    time: Number(frame.realtimeNs / 1_000_000n),
    receivedAt: Date.now(),
    skipped,
  };
  for (const listener of sampleListeners) listener();
}

/** Starts to store samples from the live connection; called once per tab. @returns a function that stops it */
export function startSampleStoreSync(): () => void {
  const connection = getLiveConnection();
  const stops = [
    connection.onFrame(receiveFrame),
    connection.onMessage((message) => {
      if (message.type === 'skipped') skipped += message.count;
      if (message.type === 'node' && nodeTimeSeries.push(message.sample))
        for (const listener of nodeListeners) listener();
    }),
    connection.subscribe({ topic: 'samples' }),
    connection.subscribe({ topic: 'node' }),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

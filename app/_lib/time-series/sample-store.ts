import { decodeSampleFrame, sampleFrameKinds } from '../../../contract/sample-frame.ts';
import { getLiveConnection } from '../live-connection.ts';
import { createNodeTimeSeries } from './node-series.ts';
import { createPodTimeSeries } from './pod-series.ts';

/** Half an hour and one minute of reserve, at one sample a second. */
const longSeconds = 1860;

/** Rates of all pods at 1 Hz: seven minutes, of pods whose page was opened 31 minutes. */
export const podTimeSeries = createPodTimeSeries({
  capacity: 420,
  longCapacity: longSeconds,
  periodMs: 1000,
});
/** Samples of the node at 1 Hz, 31 minutes. */
export const nodeTimeSeries = createNodeTimeSeries(longSeconds);

/** The last frame: when it was read and received, and how many frames were left out for this client. */
export interface LastFrameTiming {
  sequence: number;
  /** Time on the node, ms since the epoch. */
  time: number;
  /** Time in the browser, ms since the epoch. */
  receivedAt: number;
  skipped: number;
}

/** Age from which the last sample counts as stale. */
export const sampleStaleAfterMs = 3000;

let clock: LastFrameTiming | null = null;
let skipped = 0;
const sampleListeners = new Set<() => void>();
const nodeListeners = new Set<() => void>();

function listen(listeners: Set<() => void>, listener: () => void): () => void {
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
}

/** Calls `listener` after each frame of all pods. @returns a function that stops the calls */
export const onSampleFrame = (listener: () => void): (() => void) => listen(sampleListeners, listener);
/** Calls `listener` after each node sample. @returns a function that stops the calls */
export const onNodeSample = (listener: () => void): (() => void) => listen(nodeListeners, listener);

/** Clock of the last frame; null before the first. */
export const getLastFrameTiming = (): LastFrameTiming | null => clock;

/** Age of the last sample in ms; null before the first. */
export const getLastFrameAge = (): number | null =>
  clock === null ? null : Math.max(0, Date.now() - clock.receivedAt);

function receiveFrame(buffer: ArrayBuffer): void {
  const frame = decodeSampleFrame(buffer);
  if (frame.kind !== sampleFrameKinds.all || !podTimeSeries.push(frame)) return;
  clock = {
    sequence: Number(frame.sequence),
    time: Number(frame.realtimeNs / 1_000_000n),
    receivedAt: Date.now(),
    skipped,
  };
  for (const listener of sampleListeners) listener();
}

/** Starts storing samples from the live connection; called once per tab. @returns a function that stops it */
export function startTimeSeries(): () => void {
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

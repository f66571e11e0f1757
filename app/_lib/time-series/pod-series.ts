import type { CounterRateName } from '../../../contract/counter-table.ts';
import {
  type SampleFrame,
  type SampleFrameColumn,
  sampleFrameColumns,
} from '../../../contract/sample-frame.ts';
import {
  type PodRateHistory,
  type PodRates,
  podRateIndex,
  podRateNames,
  podRateSourceColumns,
  sampleFrameColumnIndex,
} from './pod-rates.ts';

/** Index of the ring buffer for device kinds, after those for the rates. */
const kindRing = podRateNames.length;
/** Pod number under which the sums over all pods are stored. */
const allPods = -1;

interface PodTrack {
  /** Ring buffers in one array: one for each rate and one for the device kind, each with `capacity` slots. */
  rings: Float32Array;
  capacity: number;
  /** Last slot of the ring buffers with a value; later slots have no sample of this pod. */
  slot: number;
  /** Totals of the last frame that contained this pod. */
  lastTotals: Float64Array;
  lastRates: Float64Array;
  monotonicNs: number;
  timeMs: number;
  /** Highest value seen of each total, because a total never decreases. */
  highestTotals: Float64Array;
  /** The last rates as an object, created on first use. */
  ratesObject: PodRates | null;
}

export interface PodTimeSeriesOptions {
  /** Number of samples stored for every pod. */
  capacity: number;
  /** Number of samples stored for pods passed to `keepLonger`; the default is `capacity`. */
  longCapacity?: number;
  /** Time between two samples, ms. */
  periodMs: number;
}

/**
 * Creates a store that converts frames of totals to rates and holds the latest rates of every pod. All pods share one
 * time axis with a slot per sample period; a period without a sample is an empty slot.
 */
export function createPodTimeSeries({ capacity, longCapacity = capacity, periodMs }: PodTimeSeriesOptions) {
  const tracks = new Map<number, PodTrack>();
  const times = new Float64Array(longCapacity);
  const present = new Uint8Array(longCapacity);
  let head = -1;
  let lastMonotonicNs = 0;
  let version = 0;

  function trackOf(number: number): PodTrack {
    const known = tracks.get(number);
    if (known !== undefined) return known;
    const track: PodTrack = {
      rings: new Float32Array((kindRing + 1) * capacity).fill(Number.NaN),
      capacity,
      slot: head - 1,
      lastTotals: new Float64Array(sampleFrameColumns.length),
      lastRates: new Float64Array(podRateNames.length),
      monotonicNs: 0,
      timeMs: 0,
      highestTotals: new Float64Array(sampleFrameColumns.length),
      ratesObject: null,
    };
    tracks.set(number, track);
    return track;
  }

  function reset(): void {
    tracks.clear();
    head = -1;
    lastMonotonicNs = 0;
  }

  /** Opens the slot of a new sample, and an empty slot for each missing sample before it. */
  function advance(monotonicNs: number, timeMs: number): void {
    const periods = Math.round((monotonicNs - lastMonotonicNs) / 1e6 / periodMs);
    const missing = lastMonotonicNs === 0 ? 0 : Math.min(Math.max(periods - 1, 0), longCapacity);
    for (let i = missing; i >= 0; i--) {
      head++;
      times[head % longCapacity] = timeMs - i * periodMs;
      present[head % longCapacity] = i === 0 ? 1 : 0;
    }
    lastMonotonicNs = monotonicNs;
  }

  /** Writes a pod's rates and device kind into the latest slot, or NaN if the line should have a gap there. */
  function write(track: PodTrack, isPoint: boolean, kind: number): void {
    const { rings, lastRates } = track;
    const first = Math.max(track.slot + 1, head - track.capacity + 1);
    const at = head % track.capacity;
    for (let ring = 0; ring <= kindRing; ring++) {
      const start = ring * track.capacity;
      for (let slot = first; slot < head; slot++) rings[start + (slot % track.capacity)] = Number.NaN;
      rings[start + at] = isPoint ? (lastRates[ring] ?? kind) : Number.NaN;
    }
    track.slot = head;
  }

  /** Adds the totals of one pod. @returns true if there was an earlier sample to compare with */
  function add(totals: Float64Array, monotonicNs: number, timeMs: number, sums: Float64Array): boolean {
    const track = trackOf(valueAt(totals, sampleFrameColumnIndex.pod));
    const comparable = track.monotonicNs > 0;
    const seconds = (monotonicNs - track.monotonicNs) / 1e9;
    for (const [index, { columns, factor }] of podRateSourceColumns.entries()) {
      let increase = 0;
      for (const column of columns) {
        const difference = valueAt(totals, column) - valueAt(track.lastTotals, column);
        increase += difference >= 0 ? difference : Number.NaN;
      }
      const rate = comparable ? (increase * factor) / seconds : Number.NaN;
      track.lastRates[index] = rate;
      if (rate > 0) sums[index] = valueAt(sums, index) + rate;
    }
    // The first rate after a gap is the mean over the gap: valid as a number, but not a point of a line.
    write(track, comparable && seconds * 1000 < periodMs * 2.5, valueAt(totals, sampleFrameColumnIndex.kind));
    for (const [column, value] of totals.entries()) {
      const highest = valueAt(track.highestTotals, column);
      track.highestTotals[column] = highest > value ? highest : value;
      track.lastTotals[column] = value;
    }
    track.monotonicNs = monotonicNs;
    track.timeMs = timeMs;
    track.ratesObject = null;
    return comparable;
  }

  function push(frame: SampleFrame): boolean {
    const monotonicNs = Number(frame.monotonicNs);
    if (monotonicNs === lastMonotonicNs) return false;
    // CLOCK_MONOTONIC decreases only when the node was rebooted: earlier totals cannot be compared.
    if (monotonicNs < lastMonotonicNs) reset();
    const timeMs = Number(frame.realtimeNs / 1_000_000n);
    advance(monotonicNs, timeMs);
    const columns = sampleFrameColumns.map((name) => {
      const column = frame.column(name);
      return new Uint32Array(column.buffer, column.byteOffset, frame.rows * 2);
    });
    const totals = new Float64Array(columns.length);
    const all = trackOf(allPods);
    all.lastRates.fill(0);
    let compared = 0;
    for (let row = 0; row < frame.rows; row++) {
      for (const [index, column] of columns.entries()) totals[index] = u64(column, row);
      if (add(totals, monotonicNs, timeMs, all.lastRates)) compared++;
    }
    all.monotonicNs = compared === 0 ? 0 : monotonicNs;
    all.timeMs = timeMs;
    all.ratesObject = null;
    write(all, compared > 0, Number.NaN);
    version++;
    return true;
  }

  function ratesOf(track: PodTrack | undefined): PodRates | null {
    if (track === undefined || track.monotonicNs === 0) return null;
    track.ratesObject ??= {
      ...(Object.fromEntries(podRateNames.map((name, i) => [name, valueAt(track.lastRates, i)])) as Record<
        CounterRateName,
        number
      >),
      kind: track.lastTotals[sampleFrameColumnIndex.kind] === 1 ? 'veth' : 'netkit',
      time: track.timeMs,
    };
    return track.ratesObject;
  }

  /** Copies the last `points` values of a ring buffer, oldest first. */
  function copy(track: PodTrack | undefined, ring: number, points: number): Float32Array {
    const result = new Float32Array(points).fill(Number.NaN);
    if (track === undefined) return result;
    const first = Math.max(0, head - points + 1, head - track.capacity + 1);
    for (let slot = first; slot <= track.slot; slot++)
      result[points - 1 - (head - slot)] = valueAt(
        track.rings,
        ring * track.capacity + (slot % track.capacity),
      );
    return result;
  }

  return {
    /** Adds a frame of totals. @returns false if the frame was ignored because it repeats the last one */
    push,
    /** Number of sample frames added so far. */
    get version(): number {
      return version;
    },
    /** Number of slots on the time axis, at most `longCapacity`. */
    get length(): number {
      return Math.min(head + 1, longCapacity);
    },
    /** Stores `longCapacity` samples of a pod from now on, and keeps the samples stored so far. */
    keepLonger(number: number): void {
      const track = trackOf(number);
      if (track.capacity === longCapacity) return;
      const rings = new Float32Array((kindRing + 1) * longCapacity).fill(Number.NaN);
      for (let ring = 0; ring <= kindRing; ring++)
        for (let slot = Math.max(0, track.slot - track.capacity + 1); slot <= track.slot; slot++)
          rings[ring * longCapacity + (slot % longCapacity)] = valueAt(
            track.rings,
            ring * track.capacity + (slot % track.capacity),
          );
      track.rings = rings;
      track.capacity = longCapacity;
    },
    /** Forgets a pod that is gone for good, whose number is not used again. */
    forget: (number: number): void => void tracks.delete(number),
    /** Returns the latest rates of a pod; null before its first sample. Each frame creates a new object. */
    rates: (number: number): PodRates | null => ratesOf(tracks.get(number)),
    /** Returns the latest value of one rate of a pod; NaN if there is none. */
    rate: (number: number, name: CounterRateName): number =>
      tracks.get(number)?.lastRates[podRateIndex[name]] ?? Number.NaN,
    /** Returns the time of a pod's last sample, ms since the epoch; 0 before the first sample. */
    timeOf: (number: number): number => tracks.get(number)?.timeMs ?? 0,
    /** Returns the latest rates summed over all pods; null before the second sample. */
    sums: (): PodRates | null => ratesOf(tracks.get(allPods)),
    /**
     * Returns one total of a pod since the pod was attached; NaN if the total is not counted or before the first
     * sample.
     */
    total: (number: number, column: SampleFrameColumn): number =>
      tracks.get(number)?.highestTotals[sampleFrameColumnIndex[column]] ?? Number.NaN,
    /** Returns the last `points` values of one rate or of the device kind (0 netkit, 1 veth), oldest first. */
    values: (number: number, name: CounterRateName | 'kind', points: number): Float32Array =>
      copy(tracks.get(number), name === 'kind' ? kindRing : podRateIndex[name], points),
    /** Returns the last `points` values of one rate summed over all pods, oldest first. */
    sumValues: (name: CounterRateName, points: number): Float32Array =>
      copy(tracks.get(allPods), podRateIndex[name], points),
    /** Returns the last `points` values of all rates of a pod. */
    history(number: number, points: number): PodRateHistory {
      const track = tracks.get(number);
      const axis = new Float64Array(points).fill(Number.NaN);
      const first = Math.max(0, head - points + 1, head - longCapacity + 1);
      for (let slot = first; slot <= head; slot++)
        axis[points - 1 - (head - slot)] = valueAt(times, slot % longCapacity);
      const rates = Object.fromEntries(
        podRateNames.map((name, ring) => [name, copy(track, ring, points)]),
      ) as Record<CounterRateName, Float32Array>;
      return { ...rates, times: axis, kinds: copy(track, kindRing, points) };
    },
    /** Returns for each of the last `points` slots, oldest first, whether it has a sample. */
    presence(points: number): boolean[] {
      const length = Math.min(points, head + 1, longCapacity);
      return Array.from({ length }, (_, i) => present[(head - length + 1 + i) % longCapacity] === 1);
    },
  };
}

const valueAt = (values: Float32Array | Float64Array, index: number): number => values[index] ?? Number.NaN;

/** Reads a u64 of a frame as a number, exact below 2^53; NaN if the counter does not exist. */
function u64(words: Uint32Array, row: number): number {
  const low = words[row * 2] ?? 0;
  const high = words[row * 2 + 1] ?? 0;
  if (low === 0xffffffff && high === 0xffffffff) return Number.NaN;
  return high * 4294967296 + low;
}

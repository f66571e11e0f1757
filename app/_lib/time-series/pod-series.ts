import type { CounterRateName } from '../../../contract/counters.ts';
import {
  type SampleFrame,
  type SampleFrameColumn,
  sampleFrameColumns,
} from '../../../contract/sample-frame.ts';
import {
  frameColumnIndex,
  type PodRateHistory,
  type PodRates,
  podRateIndex,
  podRateNames,
  podRateSourceColumns,
} from './rates.ts';

/** Index of the ring of device kinds, behind those of the rates. */
const kindRing = podRateNames.length;
/** Pod number under which the sums over all pods are stored. */
const allPods = -1;

interface PodTrack {
  /** One ring for each rate and one for the device kind, each `capacity` slots long, in one array. */
  rings: Float32Array;
  capacity: number;
  /** Last slot that was written; slots after it have no sample of this pod. */
  slot: number;
  /** Columns, rates and times of the last frame with this pod. */
  lastTotals: Float64Array;
  lastRates: Float64Array;
  monotonicNs: number;
  timeMs: number;
  /** Highest value of each column: a total never decreases. */
  highestTotals: Float64Array;
  /** `lastRates` as an object, created on first use. */
  ratesObject: PodRates | null;
}

export interface PodTimeSeriesOptions {
  /** Samples stored for every pod. */
  capacity: number;
  /** Samples stored for pods passed to `keepLonger`; default `capacity`. */
  longCapacity?: number;
  /** Time between two samples. */
  periodMs: number;
}

/**
 * Converts frames of totals to rates and stores the latest of them for every pod. All pods share one axis of slots, one
 * per sample period; a period without a sample is a slot without values.
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

  /** Opens the slot of this sample, and an empty slot for each sample that is missing before it. */
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

  /** Writes a track's rates and device kind into the slot at the head; NaN if the sample is no point of a line. */
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
    const track = trackOf(valueAt(totals, frameColumnIndex.pod));
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
    write(track, comparable && seconds * 1000 < periodMs * 2.5, valueAt(totals, frameColumnIndex.kind));
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
      kind: track.lastTotals[frameColumnIndex.kind] === 1 ? 'veth' : 'netkit',
      time: track.timeMs,
    };
    return track.ratesObject;
  }

  /** Copies the last `points` values of a ring, oldest first. */
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
    /**
     * Adds the next frame.
     * @returns false if it is the last frame again, which is ignored
     */
    push,
    /** Number of frames that were added. */
    get version(): number {
      return version;
    },
    /** Number of slots on the axis, at most `longCapacity`. */
    get length(): number {
      return Math.min(head + 1, longCapacity);
    },
    /** Stores `longCapacity` samples of a pod from now on; those that are stored stay. */
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
    /** Latest rates of a pod; null before its first sample. Each frame creates a new object. */
    rates: (number: number): PodRates | null => ratesOf(tracks.get(number)),
    /** Latest value of one rate; NaN if there is none. */
    rate: (number: number, name: CounterRateName): number =>
      tracks.get(number)?.lastRates[podRateIndex[name]] ?? Number.NaN,
    /** Time of the pod's last sample, ms since the epoch; 0 before the first. */
    timeOf: (number: number): number => tracks.get(number)?.timeMs ?? 0,
    /** Latest rates of all pods together; null before the second sample. */
    sums: (): PodRates | null => ratesOf(tracks.get(allPods)),
    /** One total of a pod since it was attached; NaN if nobody counts it or before the first sample. */
    total: (number: number, column: SampleFrameColumn): number =>
      tracks.get(number)?.highestTotals[frameColumnIndex[column]] ?? Number.NaN,
    /** The last `points` values of one rate, or of the device kind (0 netkit, 1 veth), oldest first. */
    values: (number: number, name: CounterRateName | 'kind', points: number): Float32Array =>
      copy(tracks.get(number), name === 'kind' ? kindRing : podRateIndex[name], points),
    /** The last `points` values of one rate, summed over all pods, oldest first. */
    sumValues: (name: CounterRateName, points: number): Float32Array =>
      copy(tracks.get(allPods), podRateIndex[name], points),
    /** The last `points` values of all rates of a pod. */
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
    /** For each of the last `points` slots, oldest first: true if it has a sample. */
    presence(points: number): boolean[] {
      const length = Math.min(points, head + 1, longCapacity);
      return Array.from({ length }, (_, i) => present[(head - length + 1 + i) % longCapacity] === 1);
    },
  };
}

const valueAt = (values: Float32Array | Float64Array, index: number): number => values[index] ?? Number.NaN;

/** Reads a u64 of the frame as a number, exact below 2^53; NaN for a value that nobody counts. */
function u64(words: Uint32Array, row: number): number {
  const low = words[row * 2] ?? 0;
  const high = words[row * 2 + 1] ?? 0;
  if (low === 0xffffffff && high === 0xffffffff) return Number.NaN;
  return high * 4294967296 + low;
}

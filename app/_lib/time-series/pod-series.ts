import { type Frame, type SampleColumn, sampleColumns } from '../../../contract/sample-frame.ts';
import {
  columnIndex,
  type PodHistory,
  type PodRates,
  type PodTotals,
  type RateField,
  rateFields,
  rateSources,
} from './rates.ts';

export type { PodHistory, PodRates } from './rates.ts';

const fields = rateFields.length;
/** The ring after those of the rates: 0 netkit, 1 veth. */
const kindRing = fields;
const fieldIndex = Object.fromEntries(rateFields.map((field, index) => [field, index])) as Record<
  RateField,
  number
>;
/** Stands for all pods together among the pods' numbers. */
const allPods = -1;

interface Track {
  /** One ring for each rate field and one for the kind, `capacity` long, one after the other. */
  rings: Float32Array;
  /** The last slot written; later ones are missing. */
  slot: number;
  /** Of the last frame with this pod: its columns, its rates, its times. */
  last: Float64Array;
  rates: Float64Array;
  monotonicNs: number;
  timeMs: number;
  /** The highest value each column has had. */
  highest: Float64Array;
  /** `rates` as an object, made when it is asked for. */
  shown: PodRates | null;
}

export type PodSeries = ReturnType<typeof createPodSeries>;

/**
 * Turns frames of totals into rates, and keeps the last `capacity` of them for every pod. All pods share
 * one axis of slots, a period apart; a period without a sample is a slot without values.
 */
export function createPodSeries({ capacity, periodMs }: { capacity: number; periodMs: number }) {
  const tracks = new Map<number, Track>();
  const times = new Float64Array(capacity);
  const present = new Uint8Array(capacity);
  let head = -1;
  let lastMonotonicNs = 0;
  let version = 0;

  function trackOf(number: number): Track {
    const known = tracks.get(number);
    if (known !== undefined) return known;
    const track: Track = {
      rings: new Float32Array((fields + 1) * capacity).fill(Number.NaN),
      slot: head - 1,
      last: new Float64Array(sampleColumns.length),
      rates: new Float64Array(fields),
      monotonicNs: 0,
      timeMs: 0,
      highest: new Float64Array(sampleColumns.length),
      shown: null,
    };
    tracks.set(number, track);
    return track;
  }

  function reset(): void {
    tracks.clear();
    head = -1;
    lastMonotonicNs = 0;
  }

  /** Opens the slot of this sample, and one without values for each that is missing before it. */
  function advance(monotonicNs: number, timeMs: number): void {
    const periods = Math.round((monotonicNs - lastMonotonicNs) / 1e6 / periodMs);
    const missing = lastMonotonicNs === 0 ? 0 : Math.min(Math.max(periods - 1, 0), capacity);
    for (let i = missing; i >= 0; i--) {
      head++;
      times[head % capacity] = timeMs - i * periodMs;
      present[head % capacity] = i === 0 ? 1 : 0;
    }
    lastMonotonicNs = monotonicNs;
  }

  /** Writes a track's rates into the slot at the head, or nothing when they are no point of a line. */
  function write(track: Track, isPoint: boolean, kind: number): void {
    const first = Math.max(track.slot + 1, head - capacity + 1);
    const at = head % capacity;
    for (let ring = 0; ring <= fields; ring++) {
      const from = ring * capacity;
      for (let slot = first; slot < head; slot++) track.rings[from + (slot % capacity)] = Number.NaN;
      track.rings[from + at] = !isPoint ? Number.NaN : ring === kindRing ? kind : track.rates[ring]!;
    }
    track.slot = head;
  }

  /** Takes the totals of one pod. @returns whether there was an earlier sample to compare with */
  function take(row: Float64Array, monotonicNs: number, timeMs: number, sums: Float64Array): boolean {
    const track = trackOf(row[columnIndex.pod]!);
    const comparable = track.monotonicNs > 0;
    const seconds = (monotonicNs - track.monotonicNs) / 1e9;
    for (let field = 0; field < fields; field++) {
      const { column, factor } = rateSources[field]!;
      const difference = row[column]! - track.last[column]!;
      const rate = comparable && difference >= 0 ? (difference * factor) / seconds : Number.NaN;
      track.rates[field] = rate;
      if (rate > 0) sums[field]! += rate;
    }
    // The first value after a gap is the mean over the gap: true as a number, no point of a line.
    write(track, comparable && seconds * 1000 < periodMs * 2.5, row[columnIndex.kind]!);
    for (let column = 0; column < row.length; column++) {
      const value = row[column]!;
      const highest = track.highest[column]!;
      track.highest[column] = highest > value ? highest : value;
      track.last[column] = value;
    }
    track.monotonicNs = monotonicNs;
    track.timeMs = timeMs;
    track.shown = null;
    return comparable;
  }

  function push(frame: Frame): boolean {
    const monotonicNs = Number(frame.monotonicNs);
    if (monotonicNs === lastMonotonicNs) return false;
    // CLOCK_MONOTONIC only goes back when the node was booted: nothing that came before compares.
    if (monotonicNs < lastMonotonicNs) reset();
    const timeMs = Number(frame.realtimeNs / 1_000_000n);
    advance(monotonicNs, timeMs);
    const columns = sampleColumns.map((name) => {
      const column = frame.column(name);
      return new Uint32Array(column.buffer, column.byteOffset, frame.rows * 2);
    });
    const row = new Float64Array(columns.length);
    const all = trackOf(allPods);
    all.rates.fill(0);
    let compared = 0;
    for (let i = 0; i < frame.rows; i++) {
      for (let column = 0; column < columns.length; column++) row[column] = u64(columns[column]!, i);
      if (take(row, monotonicNs, timeMs, all.rates)) compared++;
    }
    all.monotonicNs = compared === 0 ? 0 : monotonicNs;
    all.timeMs = timeMs;
    all.shown = null;
    write(all, compared > 0, Number.NaN);
    version++;
    return true;
  }

  function shown(track: Track | undefined): PodRates | null {
    if (track === undefined || track.monotonicNs === 0) return null;
    track.shown ??= {
      ...(Object.fromEntries(rateFields.map((field, i) => [field, track.rates[i]!])) as Record<
        RateField,
        number
      >),
      kind: track.last[columnIndex.kind] === 1 ? 'veth' : 'netkit',
      slot: track.last[columnIndex.slot]!,
      time: track.timeMs,
    };
    return track.shown;
  }

  /** The last `points` values of a ring, oldest first. */
  function copy(track: Track | undefined, ring: number, points: number): Float32Array {
    const result = new Float32Array(points).fill(Number.NaN);
    if (track === undefined) return result;
    const first = Math.max(0, head - points + 1, head - capacity + 1);
    for (let slot = first; slot <= track.slot; slot++)
      result[points - 1 - (head - slot)] = track.rings[ring * capacity + (slot % capacity)]!;
    return result;
  }

  return {
    /**
     * Takes the next frame.
     * @returns false when the frame is the last one again, and was ignored
     */
    push,
    /** Grows by one with every frame. */
    get version(): number {
      return version;
    },
    /** Slots of the axis that are filled or missing, at most `capacity`. */
    get length(): number {
      return Math.min(head + 1, capacity);
    },
    /** Latest rates of a pod; null before its first sample. The object is new with every frame. */
    rates: (number: number): PodRates | null => shown(tracks.get(number)),
    /** One of them, without the object; NaN when there is none. */
    rate: (number: number, field: RateField): number =>
      tracks.get(number)?.rates[fieldIndex[field]] ?? Number.NaN,
    /** When the pod's last sample was read, ms since the epoch; 0 before the first. */
    timeOf: (number: number): number => tracks.get(number)?.timeMs ?? 0,
    /** Means of each rate over the last `points` slots, missing ones left out; NaN when all are. */
    means(number: number, points: number): Record<RateField, number> {
      const track = tracks.get(number);
      const means = rateFields.map((field, ring) => {
        const values = copy(track, ring, points).filter((value) => !Number.isNaN(value));
        return [field, values.reduce((sum, value) => sum + value, 0) / values.length];
      });
      return Object.fromEntries(means);
    },
    /** Latest rates of all pods together; null before the second sample. */
    sums: (): PodRates | null => shown(tracks.get(allPods)),
    totals(number: number): PodTotals | null {
      const track = tracks.get(number);
      if (track === undefined) return null;
      const of = (column: SampleColumn) => track.highest[columnIndex[column]]!;
      const counted = (column: SampleColumn) => (Number.isNaN(of(column)) ? null : of(column));
      return {
        egressPackets: of('egressPackets'),
        ingressPackets: of('ingressPackets'),
        egressBytes: of('egressBytes'),
        ingressBytes: of('ingressBytes'),
        egressRedirectedPackets: of('egressRedirectedPackets'),
        egressDroppedPackets: of('egressDroppedPackets'),
        ingressDroppedPackets: of('ingressDroppedPackets'),
        requestsOk: counted('requestsOk'),
        requestsFailed: counted('requestsFailed'),
      };
    },
    /** One column total of a pod; NaN when nobody counts it or no sample has come. */
    total: (number: number, column: SampleColumn): number =>
      tracks.get(number)?.highest[columnIndex[column]] ?? Number.NaN,
    /** The last `points` values of one field, oldest first. */
    series: (number: number, field: RateField | 'kind', points: number): Float32Array =>
      copy(tracks.get(number), field === 'kind' ? kindRing : fieldIndex[field], points),
    /** The same over all pods together. */
    sumSeries: (field: RateField, points: number): Float32Array =>
      copy(tracks.get(allPods), fieldIndex[field], points),
    history(number: number, points: number): PodHistory {
      const track = tracks.get(number);
      const axis = new Float64Array(points).fill(Number.NaN);
      const first = Math.max(0, head - points + 1, head - capacity + 1);
      for (let slot = first; slot <= head; slot++) axis[points - 1 - (head - slot)] = times[slot % capacity]!;
      const series = Object.fromEntries(rateFields.map((field, ring) => [field, copy(track, ring, points)]));
      return { ...series, times: axis, kinds: copy(track, kindRing, points) } as PodHistory;
    },
    /** For the last `points` slots at most, oldest first: whether a sample came. */
    presence(points: number): boolean[] {
      const length = Math.min(points, head + 1, capacity);
      return Array.from({ length }, (_, i) => present[(head - length + 1 + i) % capacity] === 1);
    },
  };
}

/** A u64 of the frame as a number, exact below 2^53; NaN for "nobody counts this". */
function u64(halves: Uint32Array, row: number): number {
  const low = halves[row * 2]!;
  const high = halves[row * 2 + 1]!;
  if (low === 0xffffffff && high === 0xffffffff) return Number.NaN;
  return high * 4294967296 + low;
}

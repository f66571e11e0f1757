import type { DeviceKind } from '../../contract/device.ts';
import { type Frame, type SampleColumn, sampleColumns } from '../../contract/sample.ts';

/** What a pod's counters turn into per second. `out` leaves the pod. */
export const rateFields = [
  'packetsOut',
  'packetsIn',
  'bitsOut',
  'bitsIn',
  'redirectedOut',
  'droppedOut',
  'droppedIn',
  'dropMalformed',
  'dropUnknownProtocol',
  'dropSpoofedSource',
] as const;
export type RateField = (typeof rateFields)[number];

/** Rates over the last interval; NaN where there is no earlier sample to compare with. */
export type PodRates = Record<RateField, number> & { kind: DeviceKind; slot: number; time: number };

/** Totals since the pod was attached; they never go back. Requests are null where nobody counts them. */
export interface PodTotals {
  packetsOut: number;
  packetsIn: number;
  bytesOut: number;
  bytesIn: number;
  redirectedOut: number;
  droppedOut: number;
  droppedIn: number;
  requestsOk: number | null;
  requestsFailed: number | null;
}

/** Field by field, oldest first, aligned with `times`; NaN where a sample is missing. */
export type PodHistory = Record<RateField, Float32Array> & {
  /** ms since the epoch */
  times: Float64Array;
  /** 0 netkit, 1 veth, NaN missing: the device that carried the packets. */
  kinds: Float32Array;
};

const sources: Record<RateField, [column: SampleColumn, factor: number]> = {
  packetsOut: ['packetsOut', 1],
  packetsIn: ['packetsIn', 1],
  bitsOut: ['bytesOut', 8],
  bitsIn: ['bytesIn', 8],
  redirectedOut: ['redirectedOut', 1],
  droppedOut: ['droppedOut', 1],
  droppedIn: ['droppedIn', 1],
  dropMalformed: ['dropMalformed', 1],
  dropUnknownProtocol: ['dropUnknownProtocol', 1],
  dropSpoofedSource: ['dropSpoofedSource', 1],
};
const columnOf = Object.fromEntries(sampleColumns.map((name, index) => [name, index])) as Record<
  SampleColumn,
  number
>;
const ringFields = [...rateFields, 'kind'] as const;
type RingField = (typeof ringFields)[number];
const sumTrack = -1;

interface Track {
  rings: Record<RingField, Float32Array>;
  /** The last slot written; later ones are missing. */
  slot: number;
  /** The last frame's columns, and the highest value each has had. */
  last: Float64Array;
  highest: Float64Array;
  monotonicNs: number;
  rates: PodRates | null;
}

export type Timeline = ReturnType<typeof createTimeline>;

/**
 * Turns frames of totals into rates, and keeps the last `capacity` of them for every pod. All pods share
 * one axis of slots, a period apart; a period without a sample is a slot without values.
 */
export function createTimeline({ capacity, periodMs }: { capacity: number; periodMs: number }) {
  const tracks = new Map<number, Track>();
  const times = new Float64Array(capacity);
  const present = new Uint8Array(capacity);
  let head = -1;
  let lastMonotonicNs = 0;
  let version = 0;

  function trackOf(number: number): Track {
    const known = tracks.get(number);
    if (known !== undefined) return known;
    const rings = Object.fromEntries(ringFields.map((f) => [f, new Float32Array(capacity).fill(Number.NaN)]));
    const track = {
      rings: rings as Track['rings'],
      slot: head,
      last: new Float64Array(sampleColumns.length),
      highest: new Float64Array(sampleColumns.length),
      monotonicNs: 0,
      rates: null,
    };
    tracks.set(number, track);
    return track;
  }

  /** Opens the slot of this sample, and one without values for each that is missing before it. */
  function advance(monotonicNs: number, timeMs: number): void {
    const periods = Math.round((monotonicNs - lastMonotonicNs) / 1e6 / periodMs);
    const missing = lastMonotonicNs === 0 ? 0 : Math.min(Math.max(periods - 1, 0), capacity);
    for (let i = missing; i >= 0; i--) {
      times[++head % capacity] = timeMs - i * periodMs;
      present[head % capacity] = i === 0 ? 1 : 0;
    }
    lastMonotonicNs = monotonicNs;
  }

  function write(track: Track, rates: Record<RateField, number>, kind: number): void {
    const first = Math.max(track.slot + 1, head - capacity + 1);
    for (const field of ringFields) {
      const ring = track.rings[field];
      for (let slot = first; slot < head; slot++) ring[slot % capacity] = Number.NaN;
      ring[head % capacity] = field === 'kind' ? kind : rates[field];
    }
    track.slot = head;
  }

  function reset(): void {
    tracks.clear();
    head = -1;
    lastMonotonicNs = 0;
  }

  /** @returns false when the frame is not newer than the last one, and was ignored */
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
    const sums = Object.fromEntries(rateFields.map((field) => [field, 0])) as Record<RateField, number>;
    let summed = 0;
    const next = new Float64Array(sampleColumns.length);
    for (let row = 0; row < frame.rows; row++) {
      for (const [index, column] of columns.entries()) next[index] = u64(column, row);
      const track = trackOf(next[columnOf.pod]!);
      const seconds = (monotonicNs - track.monotonicNs) / 1e9;
      const comparable = track.monotonicNs > 0;
      const rates = { kind: next[columnOf.kind] === 1 ? 'veth' : 'netkit', time: timeMs } as PodRates;
      rates.slot = next[columnOf.slot]!;
      for (const field of rateFields) {
        const [column, factor] = sources[field];
        const difference = next[columnOf[column]]! - track.last[columnOf[column]]!;
        rates[field] = comparable && difference >= 0 ? (difference * factor) / seconds : Number.NaN;
        if (!Number.isNaN(rates[field])) sums[field] += rates[field];
      }
      if (comparable) summed++;
      track.rates = rates;
      // The first value after a gap is the mean over the gap: true as a number, no point of a line.
      const point = seconds * 1000 > periodMs * 2.5 ? missingRates : rates;
      write(track, point, next[columnOf.kind]!);
      track.last.set(next);
      for (const [index, value] of next.entries())
        track.highest[index] = Number.isNaN(value) ? value : Math.max(value, track.highest[index] || 0);
      track.monotonicNs = monotonicNs;
    }
    const all = trackOf(sumTrack);
    all.rates = summed === 0 ? null : ({ ...sums, kind: 'netkit', slot: 0, time: timeMs } as PodRates);
    write(all, summed === 0 ? missingRates : sums, Number.NaN);
    version++;
    return true;
  }

  function copy(track: Track | undefined, field: RingField, points: number): Float32Array {
    const result = new Float32Array(points).fill(Number.NaN);
    if (track === undefined) return result;
    const first = Math.max(0, head - points + 1, head - capacity + 1);
    for (let slot = first; slot <= track.slot; slot++)
      result[points - 1 - (head - slot)] = track.rings[field][slot % capacity]!;
    return result;
  }

  return {
    push,
    reset,
    /** Grows by one with every frame. */
    get version(): number {
      return version;
    },
    /** Slots of the axis that are filled or missing, at most `capacity`. */
    get length(): number {
      return Math.min(head + 1, capacity);
    },
    /** Latest rates of a pod; null before its first sample. The object is new with every frame. */
    rates: (number: number): PodRates | null => tracks.get(number)?.rates ?? null,
    /** Means of each rate over the last `points` slots, missing ones left out; NaN when all are. */
    means(number: number, points: number): Record<RateField, number> {
      const track = tracks.get(number);
      return Object.fromEntries(
        rateFields.map((field) => {
          const values = copy(track, field, points).filter((value) => !Number.isNaN(value));
          return [field, values.reduce((sum, value) => sum + value, 0) / values.length];
        }),
      ) as Record<RateField, number>;
    },
    /** Latest rates of all pods together; null before the second sample. */
    sums: (): PodRates | null => tracks.get(sumTrack)?.rates ?? null,
    totals(number: number): PodTotals | null {
      const track = tracks.get(number);
      if (track === undefined) return null;
      const of = (column: SampleColumn) => track.highest[columnOf[column]]!;
      const counted = (column: SampleColumn) => (Number.isNaN(of(column)) ? null : of(column));
      return {
        packetsOut: of('packetsOut'),
        packetsIn: of('packetsIn'),
        bytesOut: of('bytesOut'),
        bytesIn: of('bytesIn'),
        redirectedOut: of('redirectedOut'),
        droppedOut: of('droppedOut'),
        droppedIn: of('droppedIn'),
        requestsOk: counted('requestsOk'),
        requestsFailed: counted('requestsFailed'),
      };
    },
    /** One column total of a pod; NaN when nobody counts it or no sample has come. */
    total: (number: number, column: SampleColumn): number =>
      tracks.get(number)?.highest[columnOf[column]] ?? Number.NaN,
    /** The last `points` values of one field, oldest first. */
    series: (number: number, field: RingField, points: number) => copy(tracks.get(number), field, points),
    /** The same over all pods together. */
    sumSeries: (field: RateField, points: number) => copy(tracks.get(sumTrack), field, points),
    history(number: number, points: number): PodHistory {
      const track = tracks.get(number);
      const axis = new Float64Array(points).fill(Number.NaN);
      const first = Math.max(0, head - points + 1, head - capacity + 1);
      for (let slot = first; slot <= head; slot++) axis[points - 1 - (head - slot)] = times[slot % capacity]!;
      const fields = Object.fromEntries(rateFields.map((field) => [field, copy(track, field, points)]));
      return { ...fields, times: axis, kinds: copy(track, 'kind', points) } as PodHistory;
    },
    /** For the last `points` slots at most, oldest first: whether a sample came. */
    presence(points: number): boolean[] {
      const length = Math.min(points, head + 1, capacity);
      return Array.from({ length }, (_, i) => present[(head - length + 1 + i) % capacity] === 1);
    },
  };
}

const missingRates = Object.fromEntries(rateFields.map((field) => [field, Number.NaN])) as Record<
  RateField,
  number
>;

/** A u64 of the frame as a number, exact below 2^53; NaN for "nobody counts this". */
function u64(halves: Uint32Array, row: number): number {
  const low = halves[row * 2]!;
  const high = halves[row * 2 + 1]!;
  if (low === 0xffffffff && high === 0xffffffff) return Number.NaN;
  return high * 4294967296 + low;
}

import { counterIndexByName, slotCounterCount, sweptCounterCount } from '../bpf/counter-layout.ts';
import type { CounterMap } from '../bpf/counter-map.ts';

/** Function that adds the counters of a slot to `totals`, at the indexes of `counterIndexByName`. */
export type SlotCounterReader = (slot: number, totals: BigUint64Array) => void;
type Counters = Pick<CounterMap, 'read' | 'sweep'>;

/** Creates a reader that sums a slot's counters at each call, for use with a few slots. */
export function createSlotCounterReader(counters: Counters): SlotCounterReader {
  return (slot, totals) => addAll(totals, counters.read(slot), 0);
}

/**
 * Reads all slots below `end` at once into `buffer` (`sweptCounterCount` values a slot) and returns a reader for them.
 * Drops by reason are read when the reader is called, for slots that dropped packets.
 */
export function createSweepCounterReader(
  counters: Counters,
  end: number,
  buffer: BigUint64Array,
): SlotCounterReader {
  if (end > 0) counters.sweep(buffer, end);
  return (slot, totals) => {
    const first = slot * sweptCounterCount;
    for (let i = 0; i < sweptCounterCount; i += 1) totals[i] = (totals[i] ?? 0n) + (buffer[first + i] ?? 0n);
    const dropped = totalOf(
      buffer,
      first + counterIndexByName.egressDroppedPackets,
      first + counterIndexByName.ingressDroppedPackets,
    );
    if (dropped > 0n) addAll(totals, counters.read(slot), sweptCounterCount);
  };
}

function addAll(totals: BigUint64Array, values: ArrayLike<bigint>, from: number): void {
  const end = Math.min(values.length, slotCounterCount);
  for (let i = from; i < end; i += 1) totals[i] = (totals[i] ?? 0n) + (values[i] ?? 0n);
}

const totalOf = (values: BigUint64Array, a: number, b: number): bigint =>
  (values[a] ?? 0n) + (values[b] ?? 0n);

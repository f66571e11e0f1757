import { slotCounterCount } from '../../bpf/counter-layout.ts';
import type { CarriedCounters } from '../../store/records.ts';

/** Adds counters field by field. Sums that were stored before a field existed are shorter; the missing fields are zero. */
export const addCarriedCounters = (a: CarriedCounters, b: CarriedCounters): bigint[] =>
  Array.from({ length: slotCounterCount }, (_, i) => (a[i] ?? 0n) + (b[i] ?? 0n));

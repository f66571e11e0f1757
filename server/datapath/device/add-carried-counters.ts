import { slotCounterCount } from '../../bpf/counter-layout.ts';
import type { CarriedCounters } from '../../store/records.ts';

/**
 * Adds counters element by element. The shorter array counts as zeros beyond its end, since older agents had fewer
 * counters.
 */
export const addCarriedCounters = (a: CarriedCounters, b: CarriedCounters): bigint[] =>
  Array.from({ length: slotCounterCount }, (_, i) => (a[i] ?? 0n) + (b[i] ?? 0n));

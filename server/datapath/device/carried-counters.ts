import { counterWidth } from '../../bpf/counter-layout.ts';
import type { CarriedCounters } from '../../store/records.ts';

/** Field by field. A pod attached before a field existed has fewer, which count as zero. */
export const addCounters = (a: CarriedCounters, b: CarriedCounters): bigint[] =>
  Array.from({ length: counterWidth }, (_, i) => (a[i] ?? 0n) + (b[i] ?? 0n));

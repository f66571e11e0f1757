export { counterFields, field, noCounters } from '../bpf/counter-fields.ts';
export { CounterMap } from '../bpf/counters.ts';

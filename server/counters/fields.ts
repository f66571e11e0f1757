export { counterFields, field, noCounters, sweptFields } from '../bpf/counter-fields.ts';
